-- The amount that a capture of p_amount (null: all that is left) takes; refuses when it may not begin now.
CREATE OR REPLACE FUNCTION gateway.capturable_amount(
    p gateway.payment, p_amount bigint, p_final boolean
) RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_available bigint := p.amount_authorized - p.amount_captured - p.amount_capture_pending;
BEGIN
    IF p.status <> 'AUTHORIZED' THEN
        PERFORM gateway.refuse('PAYMENT_NOT_CAPTURABLE', jsonb_build_object('status', p.status));
    ELSIF p_amount <= 0 THEN
        PERFORM gateway.refuse('INVALID_AMOUNT', jsonb_build_object('amount', p_amount));
    ELSIF p.void_pending THEN
        PERFORM gateway.refuse('MODIFICATION_IN_PROGRESS', jsonb_build_object('detail', 'a void'));
    ELSIF p.final_capture_pending THEN
        PERFORM gateway.refuse('MODIFICATION_IN_PROGRESS', jsonb_build_object('detail', 'a final capture'));
    ELSIF p_amount > v_available THEN
        PERFORM gateway.refuse(
            'CAPTURE_EXCEEDS_AUTHORIZED', jsonb_build_object('amount', p_amount, 'available', v_available)
        );
    ELSIF p.amount_capture_pending > 0 AND (p_final OR v_available = 0) THEN
        PERFORM gateway.refuse('MODIFICATION_IN_PROGRESS', jsonb_build_object('detail', 'a capture'));
    END IF;
    RETURN coalesce(p_amount, v_available);
END;
$$;
