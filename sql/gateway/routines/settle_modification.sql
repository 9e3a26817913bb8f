-- Takes a capture, void or refund that has just become final into its payment, and raises seq; returns the payment.
-- The caller holds the payment's row lock and has written the modification.
CREATE OR REPLACE FUNCTION gateway.settle_modification(
    p gateway.payment, m gateway.modification
) RETURNS gateway.payment
LANGUAGE plpgsql
AS $$
DECLARE
    v_captured bigint := CASE WHEN m.kind = 'CAPTURE' AND m.status = 'SUCCEEDED' THEN m.amount ELSE 0 END;
    v_refunded bigint := CASE WHEN m.kind = 'REFUND' AND m.status = 'SUCCEEDED' THEN m.amount ELSE 0 END;
    v_settled gateway.payment;
BEGIN
    UPDATE gateway.payment AS x
    SET seq = x.seq + 1,
        status = CASE
            WHEN m.kind = 'VOID' AND m.status = 'SUCCEEDED' THEN 'VOIDED'
            WHEN v_captured > 0 AND (m.final OR x.amount_captured + v_captured = x.amount_authorized) THEN 'SUCCEEDED'
            ELSE x.status
        END,
        amount_captured = x.amount_captured + v_captured,
        amount_refunded = x.amount_refunded + v_refunded,
        amount_capture_pending = x.amount_capture_pending - CASE m.kind WHEN 'CAPTURE' THEN m.amount ELSE 0 END,
        amount_refund_pending = x.amount_refund_pending - CASE m.kind WHEN 'REFUND' THEN m.amount ELSE 0 END,
        final_capture_pending = x.final_capture_pending AND NOT m.final,
        void_pending = x.void_pending AND m.kind <> 'VOID',
        under_review = x.under_review AND gateway.any_under_review(x.id),
        updated_at = m.updated_at
    WHERE x.id = p.id
    RETURNING * INTO v_settled;
    RETURN v_settled;
END;
$$;
