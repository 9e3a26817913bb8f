-- The amount that a refund of p_amount (null: all that is left) gives back; refuses when it may not begin now.
CREATE OR REPLACE FUNCTION gateway.refundable_amount(p gateway.payment, p_amount bigint) RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_available bigint := p.amount_captured - p.amount_refunded - p.amount_refund_pending;
BEGIN
    IF p.amount_captured = 0 THEN
        PERFORM gateway.refuse('PAYMENT_NOT_REFUNDABLE', jsonb_build_object('status', p.status));
    ELSIF p_amount <= 0 THEN
        PERFORM gateway.refuse('INVALID_AMOUNT', jsonb_build_object('amount', p_amount));
    ELSIF p_amount > v_available THEN
        PERFORM gateway.refuse(
            'REFUND_EXCEEDS_CAPTURED', jsonb_build_object('amount', p_amount, 'available', v_available)
        );
    ELSIF v_available = 0 AND p.amount_refund_pending > 0 THEN
        PERFORM gateway.refuse('MODIFICATION_IN_PROGRESS', jsonb_build_object('detail', 'a refund'));
    ELSIF v_available = 0 THEN
        PERFORM gateway.refuse('PAYMENT_NOT_REFUNDABLE', jsonb_build_object('status', p.status));
    END IF;
    RETURN coalesce(p_amount, v_available);
END;
$$;
