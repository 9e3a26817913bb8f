-- Ends a payment of which no further attempt may begin, and answers its key; gives it as it stands then. With a code it is
-- DECLINED with that code: no PSP has seen what the code is about. Without one it ends as its attempts did. The caller holds
-- the payment's row lock, and none of its attempts is open.
CREATE OR REPLACE FUNCTION gateway.end_unsent(p gateway.payment, p_code text) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
    v_declined boolean := p_code IS NOT NULL OR gateway.any_declined(p.id);
    v_payment jsonb;
BEGIN
    UPDATE gateway.attempt AS x SET unsettled = false WHERE x.payment_id = p.id AND x.unsettled;
    UPDATE gateway.payment AS x
    SET status = CASE WHEN v_declined THEN 'DECLINED' ELSE 'FAILED' END::gateway.payment_status,
        decline_code = p_code,
        decline_raw_code = CASE WHEN p_code IS NOT NULL THEN '' END,
        seq = x.seq + 1,
        updated_at = clock_timestamp()
    WHERE x.id = p.id
    RETURNING * INTO p;
    IF p_code IS NULL THEN
        p := gateway.set_decline(p);
    END IF;
    PERFORM gateway.forget_cryptogram(p);
    v_payment := gateway.payment_view(p);
    PERFORM gateway.add_event(p, 'PAYMENT_' || p.status, v_payment, NULL, NULL);
    UPDATE gateway.idempotency_key AS k
    SET answer = v_payment, lease_until = NULL
    WHERE k.merchant_id = p.merchant_id AND k.key = p.idempotency_key;
    RETURN v_payment;
END;
$$;
