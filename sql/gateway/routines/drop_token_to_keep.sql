-- Forgets a token that the vault was to be told of: it has answered. Again without effect.
CREATE OR REPLACE FUNCTION gateway.drop_token_to_keep(p_payment_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    DELETE FROM gateway.token_to_keep AS t WHERE t.payment_id = p_payment_id;
END;
$$;
