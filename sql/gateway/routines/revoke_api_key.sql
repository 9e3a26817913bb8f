-- Revokes an API key for good; a key that was revoked before keeps its time.
CREATE OR REPLACE FUNCTION gateway.revoke_api_key(p_key_id text, OUT api_key jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    k gateway.api_key;
BEGIN
    UPDATE gateway.api_key AS x
    SET revoked_at = coalesce(x.revoked_at, clock_timestamp())
    WHERE x.id = p_key_id
    RETURNING * INTO k;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('API_KEY_NOT_FOUND', jsonb_build_object('key_id', p_key_id));
    END IF;
    api_key := gateway.api_key_view(k);
END;
$$;
