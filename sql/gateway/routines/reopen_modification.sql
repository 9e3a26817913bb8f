-- Opens a capture, void or refund again that was recorded as failed, so that its success can be recorded: an operator has found that
-- it took effect. Refuses when the payment has no room for it any more, or when it was booked before. Gives the payment.
CREATE OR REPLACE FUNCTION gateway.reopen_modification(p gateway.payment, m gateway.modification)
RETURNS gateway.payment
LANGUAGE plpgsql
AS $$
DECLARE
    v_amount bigint;
    v_detail text;
BEGIN
    IF m.status <> 'FAILED' OR EXISTS (SELECT FROM gateway.journal AS j WHERE j.source_id = m.id) THEN
        v_detail := 'it was booked once and taken back; correct it with an operation of its own';
    ELSE
        BEGIN
            v_amount := CASE m.kind
                WHEN 'CAPTURE' THEN gateway.capturable_amount(p, m.amount, m.final)
                WHEN 'REFUND' THEN gateway.refundable_amount(p, m.amount)
                ELSE gateway.voidable_amount(p)
            END;
        EXCEPTION WHEN SQLSTATE 'PY001' THEN
            v_detail := format('the payment has no room for it any more (%s)', SQLERRM);
        END;
    END IF;
    IF v_detail IS NOT NULL THEN
        PERFORM gateway.refuse(
            'REVIEW_ACTION_NOT_POSSIBLE', jsonb_build_object('review_id', m.id, 'detail', v_detail)
        );
    END IF;
    UPDATE gateway.modification AS x SET status = 'UNKNOWN' WHERE x.id = m.id;
    UPDATE gateway.payment AS x
    SET amount_capture_pending = x.amount_capture_pending + CASE m.kind WHEN 'CAPTURE' THEN m.amount ELSE 0 END,
        amount_refund_pending = x.amount_refund_pending + CASE m.kind WHEN 'REFUND' THEN m.amount ELSE 0 END,
        final_capture_pending = x.final_capture_pending OR m.final,
        void_pending = x.void_pending OR m.kind = 'VOID'
    WHERE x.id = p.id
    RETURNING * INTO p;
    RETURN p;
END;
$$;
