-- Lists wrapped keys that are not under a key-encryption key: data keys by merchant and version, then fingerprint keys
-- with version 0 and an empty merchant. After a merchant and version.
CREATE OR REPLACE FUNCTION vault.keys_to_rewrap(
    p_key_encryption_key_id text, p_after_merchant_id text, p_after_version integer, p_limit integer
)
RETURNS TABLE (
    merchant_id text, key_version integer, fingerprint_key_id text, key_encryption_key_id text, wrapped_key bytea
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    (
        SELECT ''::text, 0, known.key_id, known.key_encryption_key_id, known.wrapped_key
        FROM vault.fingerprint_key AS known
        WHERE known.state <> 'destroyed' AND known.key_encryption_key_id <> p_key_encryption_key_id
            AND p_after_merchant_id = ''
        ORDER BY known.key_id
    )
    UNION ALL
    (
        SELECT known.merchant_id, known.key_version, ''::text, known.key_encryption_key_id, known.wrapped_key
        FROM vault.data_key AS known
        WHERE known.state <> 'destroyed' AND known.key_encryption_key_id <> p_key_encryption_key_id
            AND (known.merchant_id, known.key_version) > (p_after_merchant_id, p_after_version)
        ORDER BY known.merchant_id, known.key_version
        LIMIT least(p_limit, 1000)
    );
END;
$$;
