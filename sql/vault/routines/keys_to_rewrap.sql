-- Lists wrapped keys that are not under a key-encryption key: fingerprint keys with the first page, then data keys and
-- the keys of open imports in the order of their place and version, after one of them. A data key's place is its
-- merchant; an import key's is its operation, and its version is 0.
CREATE OR REPLACE FUNCTION vault.keys_to_rewrap(
    p_key_encryption_key_id text, p_after_place text, p_after_version integer, p_limit integer
)
RETURNS TABLE (
    merchant_id text,
    key_version integer,
    fingerprint_key_id text,
    operation_id text,
    key_encryption_key_id text,
    wrapped_key bytea
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT ''::text, 0, known.key_id, ''::text, known.key_encryption_key_id, known.wrapped_key
    FROM vault.fingerprint_key AS known
    WHERE known.state <> 'destroyed' AND known.key_encryption_key_id <> p_key_encryption_key_id AND p_after_place = ''
    ORDER BY known.key_id;

    -- Each kind stops at the limit by itself, so that its own index gives it the order.
    RETURN QUERY
    SELECT listed.merchant, listed.version, ''::text, listed.operation, listed.kek, listed.wrapped
    FROM (
        (
            SELECT
                known.merchant_id, known.key_version, known.merchant_id, ''::text, known.key_encryption_key_id,
                known.wrapped_key
            FROM vault.data_key AS known
            WHERE known.state <> 'destroyed' AND known.key_encryption_key_id <> p_key_encryption_key_id
                AND (known.merchant_id, known.key_version) > (p_after_place COLLATE "C", p_after_version)
            ORDER BY known.merchant_id, known.key_version
            LIMIT least(p_limit, 1000)
        )
        UNION ALL
        (
            SELECT kept.operation_id, 0, kept.merchant_id, kept.operation_id, kept.kek, kept.wrapped
            FROM (
                SELECT
                    used.operation_id, used.merchant_id,
                    coalesce(used.parameters -> 'private_key' ->> 'key_encryption_key_id', ''),
                    -- What somebody has changed by hand is given as nothing, which opens no key and stops no other.
                    CASE WHEN used.parameters -> 'private_key' ->> 'wrapped_key' ~ '^([A-Za-z0-9+/]{4})*'
                        '([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$'
                        THEN decode(used.parameters -> 'private_key' ->> 'wrapped_key', 'base64') ELSE ''::bytea END
                FROM vault.controlled_operation AS used
                WHERE used.kind = 'import_cards' AND used.parameters ? 'private_key'
            ) AS kept (operation_id, merchant_id, kek, wrapped)
            WHERE kept.kek <> p_key_encryption_key_id AND (kept.operation_id, 0) > (p_after_place COLLATE "C", p_after_version)
            ORDER BY kept.operation_id
            LIMIT least(p_limit, 1000)
        )
    ) AS listed (place, version, merchant, operation, kek, wrapped)
    ORDER BY listed.place COLLATE "C", listed.version
    LIMIT least(p_limit, 1000);
END;
$$;
