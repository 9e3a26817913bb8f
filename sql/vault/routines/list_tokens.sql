-- Lists the tokens of one customer of a merchant, newest first, before a token (empty: from the newest on).
CREATE OR REPLACE FUNCTION vault.list_tokens(
    p_merchant_id text, p_customer_id text, p_limit integer, p_before text
)
RETURNS TABLE (
    token_id text,
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
        card.token_id, card.brand, card.last4, card.bin, card.exp_month, card.exp_year, card.networks, card.funding,
        card.issuer_country, card.fingerprint_id, card.customer_id, card.usage, card.payment_id, card.created_at,
        card.expires_at
    FROM vault.card AS card
    WHERE card.merchant_id = p_merchant_id AND card.customer_id = p_customer_id AND p_customer_id <> ''
        AND (card.expires_at IS NULL OR card.expires_at > now())
        AND (p_before = '' OR card.token_id < p_before)
    ORDER BY card.token_id DESC
    LIMIT least(p_limit, 1001);
END;
$$;
