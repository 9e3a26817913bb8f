-- Creates a merchant.
CREATE OR REPLACE FUNCTION gateway.create_merchant(p_merchant_id text, p_name text, OUT merchant jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    m gateway.merchant;
BEGIN
    INSERT INTO gateway.merchant (id, name) VALUES (p_merchant_id, p_name) RETURNING * INTO m;
    merchant := gateway.merchant_view(m);
END;
$$;
