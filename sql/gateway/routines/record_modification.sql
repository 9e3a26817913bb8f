-- Records what came of a capture, void or refund, and what that makes of its payment. A final one never changes: the
-- late second recorder gets applied = false, and after a capture or void the payment as it is the answer of its key.
-- p_decided as there. Raises PY002 for a transition the state machine does not have.
CREATE OR REPLACE FUNCTION gateway.record_modification(
    p_modification_id text,
    p_status text,
    p_psp_reference text,
    p_code text,
    p_raw_code text,
    p_asked boolean,
    p_not_found boolean,
    p_details jsonb,
    p_reversed boolean,
    p_decided boolean DEFAULT false,
    OUT applied boolean,
    OUT modification jsonb,
    OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    v_status text := p_status;
    v_open boolean;
    v_first boolean;
    v_event text;
    v_reviewed boolean;
    p gateway.payment;
    m gateway.modification;
BEGIN
    -- The payment's lock comes first and guards the modification too, which is therefore read after it.
    SELECT x.* INTO p
    FROM gateway.payment AS x
    WHERE x.id = (SELECT y.payment_id FROM gateway.modification AS y WHERE y.id = p_modification_id)
    FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.fault(format('there is no modification %s', p_modification_id));
    END IF;
    SELECT * INTO m FROM gateway.modification AS x WHERE x.id = p_modification_id;
    applied := m.status IN ('SENDING', 'UNKNOWN', 'PENDING');
    IF NOT applied THEN
        IF NOT m.reversed AND gateway.contradicts_record(
            p_modification_id, m.kind::text, m.status::text, m.psp_reference, p_status, p_psp_reference, p_code
        ) THEN
            PERFORM gateway.report_contradiction(p.id, p_modification_id, jsonb_build_object(
                'kind', CASE p_status WHEN 'SUCCEEDED' THEN 'APPROVED' WHEN 'FAILED' THEN 'DECLINED' ELSE p_status END,
                'code', p_code, 'raw_code', p_raw_code, 'psp_reference', p_psp_reference
            ));
            SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p.id;
            SELECT * INTO m FROM gateway.modification AS x WHERE x.id = p_modification_id;
        END IF;
        modification := gateway.modification_view(m);
        -- As in record_attempt: the first caller is told what all will be who repeat its call.
        SELECT k.answer INTO payment
        FROM gateway.idempotency_key AS k
        WHERE k.merchant_id = m.merchant_id AND k.key = m.idempotency_key
            AND k.modification_id = m.id AND m.kind <> 'REFUND';
        payment := coalesce(payment, gateway.payment_view(p));
        RETURN;
    END IF;
    IF p_status IS NULL OR p_status NOT IN ('SUCCEEDED', 'FAILED', 'UNKNOWN', 'PENDING') THEN
        PERFORM gateway.fault(format('a modification can''t go from %s to %s', m.status, coalesce(p_status, 'null')));
    END IF;
    IF v_status = 'FAILED' AND (m.status = 'PENDING' OR m.asks > 0 OR p_asked)
        AND NOT (p_decided OR gateway.is_definite(p_psp_reference, p_code))
    THEN
        -- As in record_attempt: a call not sent or turned away tells nothing of those that others have made since.
        v_status := 'UNKNOWN';
    END IF;
    IF v_status = 'UNKNOWN' AND m.status = 'PENDING' THEN
        v_status := 'PENDING';
    END IF;
    v_open := v_status IN ('UNKNOWN', 'PENDING');
    v_first := m.status::text <> v_status;
    v_reviewed := m.under_review;
    v_now := clock_timestamp();
    UPDATE gateway.modification AS x
    SET status = v_status::gateway.modification_status,
        under_review = x.under_review AND v_open,
        reversed = x.reversed OR (p_reversed AND v_status = 'FAILED'),
        psp_reference = CASE WHEN v_first THEN coalesce(nullif(p_psp_reference, ''), x.psp_reference)
            ELSE x.psp_reference END,
        code = CASE WHEN v_first THEN coalesce(p_code, '') ELSE x.code END,
        raw_code = CASE WHEN v_first THEN coalesce(p_raw_code, '') ELSE x.raw_code END,
        details = CASE WHEN v_first THEN coalesce(p_details, '{}') - 'expected_within_seconds' ELSE x.details END,
        expected_by = CASE WHEN NOT v_first THEN x.expected_by
            WHEN v_status = 'PENDING' THEN gateway.expected_by(v_now, p_details) END,
        asks = x.asks + p_asked::integer,
        not_founds = CASE WHEN p_not_found THEN x.not_founds + 1 ELSE 0 END,
        swept_at = NULL,
        updated_at = v_now
    WHERE x.id = p_modification_id
    RETURNING * INTO m;
    IF v_reviewed AND NOT m.under_review THEN
        PERFORM gateway.close_review(p_modification_id, v_now);
    END IF;
    IF p_asked AND v_open THEN
        PERFORM gateway.note_inquiry(
            p_modification_id, m.asks, CASE WHEN p_not_found THEN 'NOT_FOUND' ELSE p_status END,
            p_code, p_raw_code, p_psp_reference, v_now
        );
    END IF;
    IF v_open THEN
        v_event := CASE WHEN v_first THEN 'MODIFICATION_' || v_status END;
        UPDATE gateway.payment AS x
        SET seq = x.seq + v_first::integer, updated_at = v_now
        WHERE x.id = p.id
        RETURNING * INTO p;
    ELSE
        IF v_status = 'SUCCEEDED' THEN
            PERFORM gateway.post_modification(p, m);
        END IF;
        p := gateway.settle_modification(p, m);
        v_event := CASE
            WHEN v_status = 'FAILED' THEN m.kind || '_FAILED'
            WHEN m.kind = 'VOID' THEN 'PAYMENT_VOIDED'
            WHEN m.kind = 'REFUND' THEN 'REFUND_SUCCEEDED'
            WHEN p.status = 'SUCCEEDED' THEN 'PAYMENT_SUCCEEDED'
            ELSE 'PAYMENT_PARTIALLY_CAPTURED'
        END;
    END IF;
    modification := gateway.modification_view(m);
    payment := gateway.payment_view(p);
    IF v_event IS NOT NULL THEN
        PERFORM gateway.add_event(p, v_event, payment, NULL, modification);
    END IF;
    IF NOT v_open THEN
        UPDATE gateway.idempotency_key AS k
        SET answer = CASE m.kind WHEN 'REFUND' THEN modification ELSE payment END, lease_until = NULL
        -- An operator may settle what had ended before: whoever repeats the call is told what was told first.
        WHERE k.merchant_id = m.merchant_id AND k.key = m.idempotency_key AND k.answer IS NULL;
    END IF;
END;
$$;
