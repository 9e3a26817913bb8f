-- Makes a fingerprint key the active one, if `p_replaces` is the active one now (empty: there is none), and gives the keys
-- in use then. While one is being replaced no other can be made.
CREATE OR REPLACE FUNCTION vault.keep_fingerprint_key(
    p_key_id text, p_replaces text, p_key_encryption_key_id text, p_wrapped_key bytea, p_actor text
)
RETURNS TABLE (key_id text, state text, key_encryption_key_id text, wrapped_key bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_active text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('vault.fingerprint_key', 0));
    SELECT known.key_id INTO v_active FROM vault.fingerprint_key AS known WHERE known.state = 'active';
    IF coalesce(v_active, '') = p_replaces
        AND NOT EXISTS (SELECT 1 FROM vault.fingerprint_key AS known WHERE known.state = 'retiring')
    THEN
        UPDATE vault.fingerprint_key SET state = 'retiring', state_changed_at = now() WHERE state = 'active';
        INSERT INTO vault.fingerprint_key (key_id, state, key_encryption_key_id, wrapped_key)
        VALUES (p_key_id, 'active', p_key_encryption_key_id, p_wrapped_key);
        PERFORM vault.append_audit('create_fingerprint_key', 'done', p_actor, '', '', '', '', p_key_id);
    END IF;

    RETURN QUERY SELECT * FROM vault.fingerprint_keys();
END;
$$;
