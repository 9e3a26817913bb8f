-- Makes a data key the active one of its merchant, if its version is the next, and gives the key that is active then.
-- The one before only opens from now on. Of two processes that come at once, both get the same key.
CREATE OR REPLACE FUNCTION vault.keep_data_key(
    p_merchant_id text, p_key_version integer, p_key_encryption_key_id text, p_wrapped_key bytea, p_actor text
)
RETURNS TABLE (key_version integer, key_encryption_key_id text, wrapped_key bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_last integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('vault.data_key/' || p_merchant_id, 0));
    SELECT coalesce(max(key_version), 0) INTO v_last FROM vault.data_key WHERE merchant_id = p_merchant_id;
    IF v_last + 1 = p_key_version THEN
        -- The moment itself: the lock before may have been waited for, and the time until destruction counts from here.
        UPDATE vault.data_key SET state = 'decrypt_only', state_changed_at = clock_timestamp()
        WHERE merchant_id = p_merchant_id AND state = 'active';
        INSERT INTO vault.data_key (merchant_id, key_version, state, key_encryption_key_id, wrapped_key)
        VALUES (p_merchant_id, p_key_version, 'active', p_key_encryption_key_id, p_wrapped_key);
        PERFORM vault.append_audit(
            'create_data_key', 'done', p_actor, '', p_merchant_id, '', '', 'version ' || p_key_version
        );
    END IF;

    RETURN QUERY
    SELECT data_key.key_version, data_key.key_encryption_key_id, data_key.wrapped_key
    FROM vault.data_key AS data_key
    WHERE data_key.merchant_id = p_merchant_id AND data_key.state = 'active';
END;
$$;
