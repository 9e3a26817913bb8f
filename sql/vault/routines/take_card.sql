-- Gives a merchant's sealed card for sending it to a PSP, uses up its code, and writes the audit, in one transaction.
-- No row when the merchant has no such token: the caller refuses then, so that the audit of the attempt is kept.
CREATE OR REPLACE FUNCTION vault.take_card(
    p_merchant_id text, p_token_id text, p_purpose text, p_payment_id text, p_caller text, p_request_id text
)
RETURNS TABLE (
    sealed_card bytea,
    sealed_code bytea,
    key_version integer,
    key_encryption_key_id text,
    wrapped_key bytea,
    brand text,
    last4 text,
    bin text,
    exp_month integer,
    exp_year integer
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_found boolean;
BEGIN
    SELECT
        card.sealed_card, card.key_version, data_key.key_encryption_key_id, data_key.wrapped_key,
        card.brand, card.last4, card.bin, card.exp_month, card.exp_year
    INTO
        sealed_card, key_version, key_encryption_key_id, wrapped_key,
        brand, last4, bin, exp_month, exp_year
    FROM vault.card AS card
    INNER JOIN vault.data_key AS data_key
        ON data_key.merchant_id = card.merchant_id AND data_key.key_version = card.key_version
    WHERE card.token_id = p_token_id AND card.merchant_id = p_merchant_id;
    v_found := FOUND;

    IF v_found AND p_purpose = 'authorization' THEN
        -- The row lock makes sure that of two authorizations at once only one gets the code.
        DELETE FROM vault.card_code AS code
        WHERE code.token_id = p_token_id
        RETURNING CASE WHEN code.expires_at > now() THEN code.sealed_code END INTO sealed_code;
    END IF;

    INSERT INTO vault.card_access (
        caller, purpose, payment_id, request_id, merchant_id, token_id, card_given, code_given
    )
    VALUES (
        left(p_caller, 64), left(p_purpose, 64), left(p_payment_id, 64), left(p_request_id, 128),
        left(p_merchant_id, 64), left(p_token_id, 64), v_found, take_card.sealed_code IS NOT NULL
    );

    IF v_found THEN
        RETURN NEXT;
    END IF;
END;
$$;
