-- Tells whether a payment may have a card: `taken`, `bind` (it would be the first), `used` or `not_found`. A payment that
-- has a single-use token keeps it beyond the token's time: what is under way is brought to its end.
CREATE OR REPLACE FUNCTION vault.may_take(p_card vault.card, p_payment_id text)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
    SELECT CASE
        WHEN p_card.token_id IS NULL THEN 'not_found'
        WHEN p_card.usage = 'permanent' OR p_card.payment_id = left(p_payment_id, 64) THEN 'taken'
        WHEN p_card.expires_at <= now() THEN 'not_found'
        WHEN p_card.payment_id IS NULL THEN 'bind'
        ELSE 'used'
    END;
$$;
