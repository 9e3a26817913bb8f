-- Keeps the hash of an operator's key unless it is there. Nobody is granted this: the administrator of the database
-- makes every operator's key, the first one of a new installation too.
CREATE OR REPLACE FUNCTION gateway.ensure_operator_key(p_key_id text, p_prefix text, p_sha256 bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    INSERT INTO gateway.api_key (id, merchant_id, scope, live, prefix, sha256)
    VALUES (p_key_id, NULL, 3, false, p_prefix, p_sha256)
    ON CONFLICT (sha256) DO NOTHING;
END;
$$;
