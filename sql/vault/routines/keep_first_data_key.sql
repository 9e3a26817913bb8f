-- Keeps a merchant's first data key and gives the active one: of two processes that come at once, both get the same key.
CREATE OR REPLACE FUNCTION vault.keep_first_data_key(
    p_merchant_id text, p_key_encryption_key_id text, p_wrapped_key bytea
)
RETURNS TABLE (key_version integer, key_encryption_key_id text, wrapped_key bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Waits for another transaction that is inserting the same key; the query below then sees that one's row.
    INSERT INTO vault.data_key (merchant_id, key_version, state, key_encryption_key_id, wrapped_key)
    VALUES (p_merchant_id, 1, 'active', p_key_encryption_key_id, p_wrapped_key)
    ON CONFLICT DO NOTHING;

    RETURN QUERY
    SELECT data_key.key_version, data_key.key_encryption_key_id, data_key.wrapped_key
    FROM vault.data_key AS data_key
    WHERE data_key.merchant_id = p_merchant_id AND data_key.state = 'active';
END;
$$;
