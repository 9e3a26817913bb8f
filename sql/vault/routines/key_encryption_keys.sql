-- Counts the keys that each key-encryption key wraps: of all kinds, without destroyed ones.
CREATE OR REPLACE FUNCTION vault.key_encryption_keys()
RETURNS TABLE (key_encryption_key_id text, keys_under bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT wrapped.kek, count(*)
    FROM (
        SELECT known.key_encryption_key_id FROM vault.fingerprint_key AS known WHERE known.state <> 'destroyed'
        UNION ALL
        SELECT known.key_encryption_key_id FROM vault.data_key AS known WHERE known.state <> 'destroyed'
        UNION ALL
        SELECT coalesce(kept.parameters -> 'private_key' ->> 'key_encryption_key_id', '')
        FROM vault.controlled_operation AS kept
        WHERE kept.kind = 'import_cards' AND kept.parameters ? 'private_key'
    ) AS wrapped (kek)
    GROUP BY wrapped.kek
    ORDER BY wrapped.kek COLLATE "C";
END;
$$;
