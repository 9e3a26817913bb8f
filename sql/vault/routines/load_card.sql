-- Gives a merchant's sealed card for changing it in the vault, with the revision to change; no row when there is none.
-- It leaves no record: what is done with the card does.
CREATE OR REPLACE FUNCTION vault.load_card(p_merchant_id text, p_token_id text)
RETURNS TABLE (
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
BEGIN
    RETURN QUERY
    SELECT
        card.revision, card.sealed_key, card.sealed_card, card.key_version, data_key.key_encryption_key_id,
        data_key.wrapped_key
    FROM vault.card AS card
    INNER JOIN vault.data_key AS data_key
        ON data_key.merchant_id = card.merchant_id AND data_key.key_version = card.key_version
    WHERE card.token_id = p_token_id AND card.merchant_id = p_merchant_id
        AND (card.expires_at IS NULL OR card.expires_at > now());
END;
$$;
