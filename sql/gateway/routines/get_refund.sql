-- A merchant's refund; another merchant's does not exist.
CREATE OR REPLACE FUNCTION gateway.get_refund(p_merchant_id text, p_refund_id text, OUT refund jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    m gateway.modification;
BEGIN
    SELECT * INTO m
    FROM gateway.modification AS x
    WHERE x.id = p_refund_id AND x.merchant_id = p_merchant_id AND x.kind = 'REFUND';
    IF NOT FOUND THEN
        PERFORM gateway.refuse('REFUND_NOT_FOUND', jsonb_build_object('refund_id', p_refund_id));
    END IF;
    refund := gateway.modification_view(m);
END;
$$;
