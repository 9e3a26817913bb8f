-- Tells what may be shown of a merchant's card; no row when the merchant has no such token.
CREATE OR REPLACE FUNCTION vault.describe_token(p_merchant_id text, p_token_id text)
RETURNS TABLE (
    brand text, last4 text, bin text, exp_month integer, exp_year integer, created_at timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT card.brand, card.last4, card.bin, card.exp_month, card.exp_year, card.created_at
    FROM vault.card AS card
    WHERE card.token_id = p_token_id AND card.merchant_id = p_merchant_id;
END;
$$;
