-- Lists a merchant's cards that are not under the active data key, or have no key of their own yet, with what opens them.
CREATE OR REPLACE FUNCTION vault.cards_to_reseal(p_merchant_id text, p_after text, p_limit integer)
RETURNS TABLE (
    token_id text,
    revision integer,
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
        card.token_id, card.revision, card.sealed_key, card.sealed_card, card.key_version,
        data_key.key_encryption_key_id, data_key.wrapped_key
    FROM vault.card AS card
    INNER JOIN vault.data_key AS data_key
        ON data_key.merchant_id = card.merchant_id AND data_key.key_version = card.key_version
    WHERE card.merchant_id = p_merchant_id AND card.token_id > p_after
        AND (data_key.state = 'decrypt_only' OR (data_key.state = 'active' AND card.sealed_key IS NULL))
    ORDER BY card.token_id
    LIMIT least(p_limit, 1000);
END;
$$;
