-- The amount of a void, always 0; refuses when it may not begin now.
CREATE OR REPLACE FUNCTION gateway.voidable_amount(p gateway.payment) RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF p.status <> 'AUTHORIZED' OR p.amount_captured > 0 THEN
        PERFORM gateway.refuse(
            'PAYMENT_NOT_VOIDABLE', jsonb_build_object('status', p.status, 'captured', p.amount_captured)
        );
    ELSIF p.void_pending THEN
        PERFORM gateway.refuse('MODIFICATION_IN_PROGRESS', jsonb_build_object('detail', 'a void'));
    ELSIF p.amount_capture_pending > 0 THEN
        PERFORM gateway.refuse('MODIFICATION_IN_PROGRESS', jsonb_build_object('detail', 'a capture'));
    END IF;
    RETURN 0;
END;
$$;
