-- Gives the keys with which card numbers are recognised: the active one, and one that is being replaced.
CREATE OR REPLACE FUNCTION vault.fingerprint_keys()
RETURNS TABLE (key_id text, state text, key_encryption_key_id text, wrapped_key bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT known.key_id, known.state, known.key_encryption_key_id, known.wrapped_key
    FROM vault.fingerprint_key AS known
    WHERE known.state <> 'destroyed'
    ORDER BY known.state;
END;
$$;
