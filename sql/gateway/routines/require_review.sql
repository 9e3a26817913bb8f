-- Hands an attempt or modification whose outcome nobody could tell to an operator. Changes nothing when it was handed
-- over before, or when its outcome has become known in the meantime.
CREATE OR REPLACE FUNCTION gateway.require_review(p_payment_id text, p_reference text, OUT payment jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    p gateway.payment;
    a gateway.attempt;
    m gateway.modification;
BEGIN
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p_payment_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', p_payment_id));
    END IF;
    v_now := clock_timestamp();
    UPDATE gateway.attempt AS x
    SET under_review = true, updated_at = v_now
    WHERE x.payment_id = p_payment_id AND x.payment_id || '_' || x.ordinal = p_reference
        AND x.unsettled AND NOT x.under_review
    RETURNING * INTO a;
    UPDATE gateway.modification AS x
    SET under_review = true, updated_at = v_now
    WHERE x.id = p_reference AND x.payment_id = p_payment_id
        AND x.status IN ('SENDING', 'UNKNOWN', 'PENDING') AND NOT x.under_review
    RETURNING * INTO m;
    IF a.payment_id IS NULL AND m.id IS NULL THEN
        IF NOT EXISTS (
            SELECT FROM gateway.attempt AS x
            WHERE x.payment_id = p_payment_id AND x.payment_id || '_' || x.ordinal = p_reference
            UNION ALL
            SELECT FROM gateway.modification AS x WHERE x.id = p_reference AND x.payment_id = p_payment_id
        ) THEN
            PERFORM gateway.fault(format('payment %s has no attempt or modification %s', p_payment_id, p_reference));
        END IF;
        payment := gateway.payment_view(p);
        RETURN;
    END IF;
    UPDATE gateway.payment AS x
    SET under_review = true, seq = x.seq + 1, updated_at = v_now
    WHERE x.id = p_payment_id
    RETURNING * INTO p;
    PERFORM gateway.open_review(
        p, p_reference, coalesce(a.account, m.account), coalesce(m.kind::text, 'AUTHORIZE'), 'UNKNOWN', NULL, v_now
    );
    payment := gateway.payment_view(p);
    PERFORM gateway.add_event(
        p, 'REVIEW_REQUIRED', payment,
        CASE WHEN a.payment_id IS NOT NULL THEN gateway.attempt_view(a) END,
        CASE WHEN m.id IS NOT NULL THEN gateway.modification_view(m) END
    );
END;
$$;
