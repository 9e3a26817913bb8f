-- Keeps a sealed card under its new token, and its sealed code, when there is one, for fifteen minutes.
CREATE OR REPLACE FUNCTION vault.keep_card(
    p_merchant_id text,
    p_token_id text,
    p_key_version integer,
    p_sealed_card bytea,
    p_sealed_code bytea,
    p_brand text,
    p_last4 text,
    p_bin text,
    p_exp_month integer,
    p_exp_year integer,
    p_fingerprint bytea,
    p_fingerprint_key_id text
)
RETURNS TABLE (created_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_created_at timestamptz;
BEGIN
    INSERT INTO vault.card (
        token_id, merchant_id, key_version, sealed_card, brand, last4, bin, exp_month, exp_year,
        fingerprint, fingerprint_key_id
    )
    VALUES (
        p_token_id, p_merchant_id, p_key_version, p_sealed_card, p_brand, p_last4, p_bin, p_exp_month, p_exp_year,
        p_fingerprint, p_fingerprint_key_id
    )
    RETURNING card.created_at INTO v_created_at;

    IF p_sealed_code IS NOT NULL THEN
        INSERT INTO vault.card_code (token_id, sealed_code, expires_at)
        VALUES (p_token_id, p_sealed_code, v_created_at + interval '15 minutes');
    END IF;

    RETURN QUERY SELECT v_created_at;
END;
$$;
