-- Takes an approval back that an operator has found to be none: the payment is VOIDED, as nothing is held. Refuses when anything was
-- done with the approval since: captures, refunds and voids are looked at one by one first.
CREATE OR REPLACE FUNCTION gateway.take_back_approval(p gateway.payment, p_reference text, p_code text)
RETURNS gateway.payment
LANGUAGE plpgsql
AS $$
DECLARE
    v_journal bigint;
    a gateway.attempt;
BEGIN
    IF p.amount_capture_pending + p.amount_refunded + p.amount_refund_pending > 0 OR p.void_pending
        OR NOT (
            (p.status = 'AUTHORIZED' AND p.amount_captured = 0)
            OR (p.status = 'SUCCEEDED' AND p.capture_method = 'AUTOMATIC')
        )
    THEN
        PERFORM gateway.refuse('REVIEW_ACTION_NOT_POSSIBLE', jsonb_build_object(
            'review_id', p_reference, 'detail', 'the approval was captured, refunded or voided since, or that is under way'
        ));
    END IF;
    UPDATE gateway.attempt AS x
    SET status = 'DECLINED', code = p_code, raw_code = ''
    WHERE x.payment_id = p.id AND x.payment_id || '_' || x.ordinal = p_reference AND x.status = 'APPROVED'
    RETURNING * INTO STRICT a;
    v_journal := CASE p.status
        WHEN 'AUTHORIZED' THEN gateway.post(
            p, 'VOID_RELEASES_HOLD', p_reference, 'auth_hold_contra', 'auth_hold', p.amount_authorized
        )
        ELSE gateway.post(
            p, 'CAPTURE_REVERSED', p_reference,
            'merchant_pending:' || p.merchant_id, 'psp_receivable:' || a.account, p.amount_captured
        )
    END;
    UPDATE gateway.payment AS x
    SET status = 'VOIDED', amount_captured = 0, seq = x.seq + 1
    WHERE x.id = p.id
    RETURNING * INTO p;
    PERFORM gateway.add_event(p, 'PAYMENT_VOIDED', gateway.payment_view(p), gateway.attempt_view(a), NULL);
    RETURN p;
END;
$$;
