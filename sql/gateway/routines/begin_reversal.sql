-- Records that reversal p_number of an attempt, counted from 1, is about to be sent: an approval is not believed from then on.
-- begun = false, and nothing is to be sent, when that does not fit any more: the attempt has ended or was acknowledged, another
-- process is at it, or an operator has the payment. The 10 are REVERSALS_MAX of gateway_svc/domain/resolution.py.
CREATE OR REPLACE FUNCTION gateway.begin_reversal(
    p_payment_id text, p_attempt_id text, p_number integer, OUT begun boolean, OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    p gateway.payment;
    a gateway.attempt;
BEGIN
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p_payment_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', p_payment_id));
    END IF;
    v_now := clock_timestamp();
    -- Whoever began it may still record "not sent": of what is unknown that is not believed.
    UPDATE gateway.attempt AS x
    SET status = 'UNKNOWN', reversals = p_number, reversal = 'SENT', reversed_at = v_now, swept_at = NULL, updated_at = v_now
    WHERE x.payment_id = p_payment_id AND x.payment_id || '_' || x.ordinal = p_attempt_id
        AND x.status IN ('SENDING', 'UNKNOWN') AND x.reversals = p_number - 1 AND p_number <= 10
        AND p.status = 'PROCESSING' AND NOT p.under_review
    RETURNING * INTO a;
    begun := FOUND;
    IF begun THEN
        UPDATE gateway.payment AS x SET seq = x.seq + 1, updated_at = v_now WHERE x.id = p_payment_id RETURNING * INTO p;
        PERFORM gateway.add_event(p, 'ATTEMPT_REVERSING', gateway.payment_view(p), gateway.attempt_view(a), NULL);
    END IF;
    payment := gateway.payment_view(p);
END;
$$;
