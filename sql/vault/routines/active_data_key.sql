-- Gives the data key with which a merchant's new cards are sealed. Without one, the version that the next is to have.
CREATE OR REPLACE FUNCTION vault.active_data_key(p_merchant_id text)
RETURNS TABLE (key_version integer, key_encryption_key_id text, wrapped_key bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT data_key.key_version, data_key.key_encryption_key_id, data_key.wrapped_key
    FROM vault.data_key AS data_key
    WHERE data_key.merchant_id = p_merchant_id AND data_key.state = 'active';
    IF NOT FOUND THEN
        RETURN QUERY
        SELECT coalesce(max(data_key.key_version), 0) + 1, NULL::text, NULL::bytea
        FROM vault.data_key AS data_key
        WHERE data_key.merchant_id = p_merchant_id;
    END IF;
END;
$$;
