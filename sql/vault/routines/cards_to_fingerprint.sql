-- Lists cards whose number a fingerprint key does not know yet, one for each fingerprint id, and those without an id.
CREATE OR REPLACE FUNCTION vault.cards_to_fingerprint(p_key_id text, p_after text, p_limit integer)
RETURNS TABLE (
    token_id text,
    merchant_id text,
    fingerprint_id text,
    sealed_key bytea,
    sealed_card bytea,
    key_version integer,
    key_encryption_key_id text,
    wrapped_key bytea
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        card.token_id, card.merchant_id, coalesce(card.fingerprint_id, ''), card.sealed_key, card.sealed_card,
        card.key_version, data_key.key_encryption_key_id, data_key.wrapped_key
    FROM vault.card AS card
    INNER JOIN vault.data_key AS data_key
        ON data_key.merchant_id = card.merchant_id AND data_key.key_version = card.key_version
    WHERE card.token_id > p_after AND data_key.state <> 'destroyed'
        AND NOT EXISTS (
            SELECT 1
            FROM vault.fingerprint AS known
            WHERE known.fingerprint_id = card.fingerprint_id AND known.key_id = p_key_id
        )
    ORDER BY card.token_id
    LIMIT least(p_limit, 1000);
END;
$$;
