-- The API key with this SHA-256, revoked or not; no row when it is not known.
CREATE OR REPLACE FUNCTION gateway.look_up_key(p_sha256 bytea) RETURNS TABLE (api_key jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT gateway.api_key_view(k) FROM gateway.api_key AS k WHERE k.sha256 = p_sha256;
END;
$$;
