-- Replaces the wrapped bytes of a data key, or of a fingerprint key when one is named, if they are still the old ones.
CREATE OR REPLACE FUNCTION vault.rewrap_key(
    p_merchant_id text,
    p_key_version integer,
    p_fingerprint_key_id text,
    p_old_wrapped_key bytea,
    p_key_encryption_key_id text,
    p_wrapped_key bytea
)
RETURNS TABLE (rewrapped boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF p_fingerprint_key_id <> '' THEN
        UPDATE vault.fingerprint_key
        SET key_encryption_key_id = p_key_encryption_key_id, wrapped_key = p_wrapped_key
        WHERE key_id = p_fingerprint_key_id AND wrapped_key = p_old_wrapped_key;
    ELSE
        UPDATE vault.data_key SET key_encryption_key_id = p_key_encryption_key_id, wrapped_key = p_wrapped_key
        WHERE merchant_id = p_merchant_id AND key_version = p_key_version AND wrapped_key = p_old_wrapped_key;
    END IF;
    rewrapped := FOUND;
    RETURN NEXT;
END;
$$;
