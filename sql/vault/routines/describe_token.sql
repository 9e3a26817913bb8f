-- Tells what may be shown of a merchant's card; no row when the merchant has no such token, or its time is over.
CREATE OR REPLACE FUNCTION vault.describe_token(p_merchant_id text, p_token_id text)
RETURNS TABLE (
    brand text,
    last4 text,
    bin text,
    exp_month integer,
    exp_year integer,
    networks text [],
    funding text,
    issuer_country text,
    fingerprint_id text,
    customer_id text,
    usage text,
    payment_id text,
    created_at timestamptz,
    expires_at timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        card.brand, card.last4, card.bin, card.exp_month, card.exp_year, card.networks, card.funding,
        card.issuer_country, card.fingerprint_id, card.customer_id, card.usage, card.payment_id, card.created_at,
        card.expires_at
    FROM vault.card AS card
    WHERE card.token_id = p_token_id AND card.merchant_id = p_merchant_id
        AND (card.expires_at IS NULL OR card.expires_at > now());
END;
$$;
