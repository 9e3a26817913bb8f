-- Records that an attempt which no shopper completed is about to be cancelled (SENT), or what its PSP made of that (DONE, REFUSED).
-- p_number counts the cancellings of the attempt from 1. recorded = false, and nothing is to be sent, when that does not fit any
-- more: the attempt has ended, its shopper may still act, another process is at it, or an operator has the payment.
CREATE OR REPLACE FUNCTION gateway.record_cancel(
    p_attempt_id text, p_number integer, p_cancel text, OUT recorded boolean, OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    p gateway.payment;
BEGIN
    p := gateway.payment_of_attempt(p_attempt_id);
    UPDATE gateway.attempt AS x
    SET cancel = p_cancel::gateway.cancel_status, cancels = p_number, swept_at = NULL, updated_at = clock_timestamp()
    WHERE x.payment_id = p.id AND x.payment_id || '_' || x.ordinal = p_attempt_id
        AND x.status = 'ACTION_REQUIRED' AND p.status = 'PROCESSING' AND NOT p.under_review
        AND CASE p_cancel
            WHEN 'SENT' THEN x.cancels = p_number - 1 AND x.cancel <> 'DONE'
            ELSE x.cancels = p_number AND x.cancel = 'SENT' AND p_cancel IN ('DONE', 'REFUSED')
        END;
    recorded := FOUND;
    payment := gateway.payment_view(p);
END;
$$;
