-- Begins a capture, void or refund in SENDING, or finds the one that the idempotency key belongs to; dispositions as in
-- begin_payment, STARTED for a new one. p_amount null takes all that is left, p_final null makes a capture the last.
-- A refused operation leaves every row as it was; its key stays free.
CREATE OR REPLACE FUNCTION gateway.begin_modification(
    p_modification_id text,
    p_kind text,
    p_merchant_id text,
    p_payment_id text,
    p_amount bigint,
    p_final boolean,
    p_reason text,
    p_idempotency_key text,
    p_request_hash bytea,
    p_lease_ms integer,
    OUT disposition text,
    OUT modification jsonb,
    OUT payment jsonb,
    OUT answer jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_key record;
    v_amount bigint;
    v_final boolean := p_kind = 'CAPTURE' AND coalesce(p_final, true);
    p gateway.payment;
    m gateway.modification;
BEGIN
    INSERT INTO gateway.idempotency_key (
        merchant_id, key, operation, request_hash, payment_id, modification_id, lease_until, created_at, expires_at
    )
    VALUES (
        p_merchant_id, p_idempotency_key, p_kind, p_request_hash, p_payment_id, p_modification_id,
        v_now + p_lease_ms * interval '1 millisecond', v_now, v_now + interval '30 days'
    )
    ON CONFLICT (merchant_id, key) DO NOTHING;
    IF NOT FOUND THEN
        v_key := gateway.take_up_key(p_merchant_id, p_idempotency_key, p_kind, p_request_hash, p_lease_ms);
        IF v_key.payment_id <> p_payment_id THEN
            PERFORM gateway.refuse('IDEMPOTENCY_KEY_REUSED', '{}');
        END IF;
        SELECT * INTO p FROM gateway.payment AS x WHERE x.id = v_key.payment_id;
        SELECT * INTO m FROM gateway.modification AS x WHERE x.id = v_key.modification_id;
        disposition := v_key.disposition;
        answer := v_key.answer;
        modification := gateway.modification_view(m);
        payment := gateway.payment_view(p);
        RETURN;
    END IF;
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p_payment_id FOR UPDATE;
    IF NOT FOUND OR p.merchant_id <> p_merchant_id THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', p_payment_id));
    END IF;
    v_amount := CASE p_kind
        WHEN 'CAPTURE' THEN gateway.capturable_amount(p, p_amount, v_final)
        WHEN 'REFUND' THEN gateway.refundable_amount(p, p_amount)
        WHEN 'VOID' THEN gateway.voidable_amount(p)
    END;
    v_now := clock_timestamp();
    INSERT INTO gateway.modification (
        id, payment_id, merchant_id, kind, status, amount, currency, final, account, payment_psp_reference,
        capture_psp_reference, reason, idempotency_key, created_at, updated_at
    )
    SELECT
        p_modification_id, p.id, p.merchant_id, p_kind::gateway.modification_kind, 'SENDING', v_amount, p.currency,
        v_final, a.account, a.psp_reference,
        CASE p_kind WHEN 'REFUND' THEN gateway.capture_to_refund(p, a.psp_reference, v_amount) ELSE '' END,
        coalesce(p_reason, ''), p_idempotency_key, v_now, v_now
    FROM gateway.attempt AS a
    WHERE a.payment_id = p.id AND a.status = 'APPROVED'
    RETURNING * INTO STRICT m;
    UPDATE gateway.payment AS x
    SET seq = x.seq + 1,
        modification_count = x.modification_count + 1,
        amount_capture_pending = x.amount_capture_pending + CASE p_kind WHEN 'CAPTURE' THEN v_amount ELSE 0 END,
        amount_refund_pending = x.amount_refund_pending + CASE p_kind WHEN 'REFUND' THEN v_amount ELSE 0 END,
        final_capture_pending = x.final_capture_pending OR v_final,
        void_pending = x.void_pending OR p_kind = 'VOID',
        updated_at = v_now
    WHERE x.id = p.id
    RETURNING * INTO p;
    disposition := 'STARTED';
    modification := gateway.modification_view(m);
    payment := gateway.payment_view(p);
    PERFORM gateway.add_event(p, 'MODIFICATION_STARTED', payment, NULL, modification);
END;
$$;
