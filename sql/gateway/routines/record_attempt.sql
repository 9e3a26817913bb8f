-- Records what came of an attempt, and what that makes of its payment. A final attempt never changes: the late second
-- recorder gets applied = false, and the payment as it is the answer of its key, or as it stands while there is none.
-- p_decided tells that an operator says so, who is believed whatever was asked before. What contradicts the record of a final attempt
-- goes to review, above all an approval of one that is believed to be none. Raises PY002 for a transition the state machine does not have.
CREATE OR REPLACE FUNCTION gateway.record_attempt(
    p_payment_id text,
    p_attempt_id text,
    p_attempt_status text,
    p_payment_status text,
    p_psp_reference text,
    p_code text,
    p_raw_code text,
    p_network_transaction_id text,
    p_asked boolean,
    p_not_found boolean,
    p_details jsonb,
    p_decided boolean DEFAULT false,
    OUT applied boolean,
    OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    v_payment record;
    v_before record;
    v_status text := p_attempt_status;
    v_next text := p_payment_status;
    v_event text;
    v_attempt jsonb;
    v_position bigint;
    v_journal bigint;
    v_open text;
    v_noted boolean;
    v_held boolean := false;
    p gateway.payment;
    a gateway.attempt;
BEGIN
    SELECT x.status, x.capture_method INTO v_payment
    FROM gateway.payment AS x WHERE x.id = p_payment_id
    FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', p_payment_id));
    END IF;
    SELECT x.ordinal, x.status, x.asks, x.under_review, x.psp_reference, x.cancel, x.code, x.reversals, x.reversal
    INTO v_before
    FROM gateway.attempt AS x
    WHERE x.payment_id = p_payment_id AND x.payment_id || '_' || x.ordinal = p_attempt_id;
    IF NOT FOUND THEN
        PERFORM gateway.fault(format('payment %s has no attempt %s', p_payment_id, p_attempt_id));
    END IF;
    applied := v_before.status IN ('SENDING', 'UNKNOWN', 'PENDING', 'ACTION_REQUIRED');
    IF NOT applied THEN
        -- An approval of what was taken back since is older news, as long as it is of that very authorization.
        IF NOT (v_before.code = 'reversed_unknown' AND p_psp_reference = v_before.psp_reference) AND gateway.contradicts_record(
            p_attempt_id, 'AUTHORIZE', v_before.status::text, v_before.psp_reference, p_attempt_status, p_psp_reference,
            p_code
        ) THEN
            PERFORM gateway.report_contradiction(p_payment_id, p_attempt_id, jsonb_build_object(
                'kind', p_attempt_status, 'code', p_code, 'raw_code', p_raw_code, 'psp_reference', p_psp_reference
            ));
        END IF;
        SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p_payment_id;
        -- The first caller is told what all will be who repeat its call, whatever was captured or refunded since.
        SELECT k.answer INTO payment
        FROM gateway.idempotency_key AS k
        WHERE k.merchant_id = p.merchant_id AND k.key = p.idempotency_key
            AND k.payment_id = p.id AND k.modification_id IS NULL;
        payment := coalesce(payment, gateway.payment_view(p));
        RETURN;
    END IF;
    v_open := CASE WHEN v_before.status IN ('PENDING', 'ACTION_REQUIRED') THEN v_before.status ELSE 'UNKNOWN' END;
    IF (v_status = 'NOT_SENT' AND (v_before.status <> 'SENDING' OR v_before.asks > 0 OR p_asked))
        OR (v_status = 'DECLINED' AND (v_open <> 'UNKNOWN' OR v_before.asks > 0 OR p_asked)
            AND NOT (p_decided OR gateway.is_definite(p_psp_reference, p_code)))
    THEN
        -- A call that was not sent, or was turned away, tells nothing of the others, which may have reached the PSP.
        -- The recorder may not know of them: it judged by the record as it was when it began to send.
        v_status := v_open;
        v_next := 'PROCESSING';
    ELSIF v_status = 'UNKNOWN' THEN
        -- What the PSP has acknowledged meanwhile is not in doubt any more.
        v_status := v_open;
    ELSIF v_before.cancel IN ('SENT', 'DONE') AND v_status IN ('APPROVED', 'PENDING') AND NOT p_decided THEN
        -- The PSP may have cancelled it since the recorder looked, or may do so yet.
        v_status := v_open;
    ELSIF v_status = 'APPROVED' AND v_before.reversals > 0 AND NOT p_decided
        AND (v_before.reversals > 1 OR v_before.reversal <> 'REFUSED')
    THEN
        -- A reversal may have released it since, or may do so yet: record_reversal tells whether it stands.
        v_held := true;
        v_status := v_open;
        v_next := 'PROCESSING';
    END IF;
    IF v_status = 'ACTION_REQUIRED' AND v_before.status = 'ACTION_REQUIRED' THEN
        -- Whether the shopper may still act, the recorder may not know.
        v_next := v_payment.status;
    END IF;
    v_event := gateway.event_of_attempt(
        p_payment_id, v_payment.capture_method, v_payment.status, v_before.status, v_status, v_next
    );
    v_now := clock_timestamp();
    UPDATE gateway.attempt AS x
    SET status = v_status::gateway.attempt_status,
        unsettled = v_next IN ('PROCESSING', 'REQUIRES_ACTION'),
        under_review = x.under_review AND v_status IN ('UNKNOWN', 'PENDING', 'ACTION_REQUIRED'),
        psp_reference = CASE WHEN v_event IS NULL THEN x.psp_reference
            ELSE coalesce(nullif(p_psp_reference, ''), x.psp_reference) END,
        code = CASE WHEN v_event IS NULL THEN x.code ELSE coalesce(p_code, '') END,
        raw_code = CASE WHEN v_event IS NULL THEN x.raw_code ELSE coalesce(p_raw_code, '') END,
        network_transaction_id = CASE WHEN v_event IS NULL THEN x.network_transaction_id
            ELSE coalesce(p_network_transaction_id, '') END,
        details = CASE WHEN v_event IS NULL THEN x.details
            ELSE coalesce(p_details, '{}') - '{expected_within_seconds,next_action}'::text[] END,
        expected_by = CASE WHEN v_event IS NULL THEN x.expected_by
            WHEN v_status = 'PENDING' THEN gateway.expected_by(v_now, p_details) END,
        held_approval = CASE
            WHEN v_held THEN jsonb_build_object(
                'psp_reference', p_psp_reference, 'code', p_code, 'raw_code', p_raw_code,
                'network_transaction_id', p_network_transaction_id, 'details', p_details
            )
            ELSE x.held_approval
        END,
        asks = x.asks + p_asked::integer,
        late_asks = x.late_asks + (
            p_asked AND v_before.status = 'ACTION_REQUIRED' AND v_payment.status = 'PROCESSING'
        )::integer,
        not_founds = CASE WHEN p_not_found THEN x.not_founds + 1 ELSE 0 END,
        swept_at = NULL,
        updated_at = v_now
    WHERE x.payment_id = p_payment_id AND x.ordinal = v_before.ordinal
    RETURNING * INTO a;
    UPDATE gateway.payment AS x
    SET status = v_next::gateway.payment_status,
        seq = x.seq + (v_event IS NOT NULL)::integer,
        amount_authorized = CASE WHEN v_status = 'APPROVED' THEN x.amount ELSE 0 END,
        amount_captured = CASE WHEN v_next = 'SUCCEEDED' THEN x.amount ELSE 0 END,
        next_action = CASE
            WHEN v_next <> 'REQUIRES_ACTION' THEN NULL
            WHEN v_event IS NULL THEN x.next_action
            ELSE p_details -> 'next_action'
        END,
        action_by = CASE
            WHEN v_next <> 'REQUIRES_ACTION' THEN NULL
            WHEN v_event IS NULL THEN x.action_by
            ELSE v_now + x.action_seconds * interval '1 second'
        END,
        under_review = x.under_review AND (v_status IN ('UNKNOWN', 'PENDING', 'ACTION_REQUIRED') OR EXISTS (
            SELECT FROM gateway.attempt AS y WHERE y.payment_id = x.id AND y.under_review
        )),
        updated_at = v_now
    WHERE x.id = p_payment_id
    RETURNING * INTO p;
    IF v_before.under_review AND NOT a.under_review THEN
        PERFORM gateway.close_review(p_attempt_id, v_now);
    END IF;
    IF p_asked AND v_next = 'PROCESSING' AND v_status IN ('UNKNOWN', 'PENDING', 'ACTION_REQUIRED') THEN
        PERFORM gateway.note_inquiry(
            p_attempt_id, a.asks, CASE WHEN p_not_found THEN 'NOT_FOUND' ELSE p_attempt_status END,
            p_code, p_raw_code, p_psp_reference, v_now
        );
    END IF;
    IF v_next IN ('DECLINED', 'FAILED') THEN
        p := gateway.set_decline(p);
    END IF;
    v_attempt := gateway.attempt_view(a);
    -- No attempt follows one that is not final, so that the first is also the only one.
    payment := CASE a.ordinal
        WHEN 1 THEN gateway.payment_with(p, jsonb_build_array(v_attempt), '[]', '[]')
        ELSE gateway.payment_view(p)
    END;
    IF v_event IS NOT NULL THEN
        v_position := gateway.add_event(p, v_event, payment, v_attempt, NULL);
    END IF;
    IF v_next = 'AUTHORIZED' THEN
        v_journal := gateway.post(p, 'AUTHORIZE', p_attempt_id, 'auth_hold', 'auth_hold_contra', p.amount);
    ELSIF v_next = 'SUCCEEDED' THEN
        v_journal := gateway.post(
            p, 'CAPTURE', p_attempt_id, 'psp_receivable:' || a.account, 'merchant_pending:' || p.merchant_id, p.amount
        );
    END IF;
    IF v_status IN ('APPROVED', 'DECLINED', 'NOT_SENT') THEN
        v_noted := gateway.note_retry(p, a);
    END IF;
    IF p.store_card AND v_next IN ('AUTHORIZED', 'SUCCEEDED') THEN
        PERFORM gateway.keep_token(p);
    END IF;
    IF v_next NOT IN ('PROCESSING', 'REQUIRES_ACTION') THEN
        PERFORM gateway.forget_cryptogram(p);
        UPDATE gateway.idempotency_key AS k
        SET answer = payment, lease_until = NULL
        WHERE k.merchant_id = p.merchant_id AND k.key = p.idempotency_key;
    END IF;
    IF v_status = 'DECLINED' AND NOT p_decided
        AND a.held_approval ->> 'psp_reference' <> coalesce(p_psp_reference, '')
    THEN
        -- What was declined, or released by the reversal, is not what was approved: the PSP may have two.
        SELECT x.payment INTO payment
        FROM gateway.report_contradiction(p_payment_id, p_attempt_id, jsonb_build_object(
            'kind', 'APPROVED', 'code', a.held_approval ->> 'code', 'raw_code', a.held_approval ->> 'raw_code',
            'psp_reference', a.held_approval ->> 'psp_reference'
        )) AS x;
    END IF;
END;
$$;
