-- Lists every key that the database knows of, without the keys: kind, id, state, what wraps it, and what is under it.
-- The key of an import is as old as the beginning of the import, at most; when that is finished, it is destroyed.
CREATE OR REPLACE FUNCTION vault.key_inventory(p_after text, p_limit integer)
RETURNS TABLE (
    place text,
    kind text,
    key_id text,
    merchant_id text,
    state text,
    key_encryption_key_id text,
    created_at timestamptz,
    state_changed_at timestamptz,
    rows_under bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT known.*
    FROM (
        SELECT
            'fingerprint/' || used.key_id, 'fingerprint_key'::text, used.key_id, ''::text, used.state,
            used.key_encryption_key_id, used.created_at, used.state_changed_at,
            (SELECT count(*) FROM vault.fingerprint AS each WHERE each.key_id = used.key_id)
        FROM vault.fingerprint_key AS used
        UNION ALL
        SELECT
            'import/' || kept.operation_id, 'import_key'::text, kept.operation_id, kept.merchant_id,
            CASE WHEN kept.parameters ? 'private_key' THEN 'active' ELSE 'destroyed' END,
            coalesce(kept.parameters -> 'private_key' ->> 'key_encryption_key_id', ''), kept.begun_at,
            coalesce(kept.finished_at, kept.begun_at), 0::bigint
        FROM vault.controlled_operation AS kept
        WHERE kept.kind = 'import_cards' AND kept.parameters ? 'public_key'
        UNION ALL
        SELECT
            'merchant/' || used.merchant_id || '/' || lpad(used.key_version::text, 10, '0'), 'data_key'::text,
            used.merchant_id || '/' || used.key_version, used.merchant_id, used.state, used.key_encryption_key_id,
            used.created_at, used.state_changed_at,
            (
                SELECT count(*)
                FROM vault.card AS card
                WHERE card.merchant_id = used.merchant_id AND card.key_version = used.key_version
            )
        FROM vault.data_key AS used
    ) AS known (place, kind, key_id, merchant_id, state, kek, created_at, changed_at, rows_under)
    WHERE known.place COLLATE "C" > p_after
    ORDER BY known.place COLLATE "C"
    LIMIT least(p_limit, 1000);
END;
$$;
