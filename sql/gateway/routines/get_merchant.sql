-- A merchant by its id.
CREATE OR REPLACE FUNCTION gateway.get_merchant(p_merchant_id text, OUT merchant jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    m gateway.merchant;
BEGIN
    SELECT * INTO m FROM gateway.merchant AS x WHERE x.id = p_merchant_id;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('MERCHANT_NOT_FOUND', jsonb_build_object('merchant_id', p_merchant_id));
    END IF;
    merchant := gateway.merchant_view(m);
END;
$$;
