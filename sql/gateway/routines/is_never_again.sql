-- Whether a card's network forbids any further try after a decline, by the rules of a time. The network's advice goes before
-- its response code, that before the normalised code, and a brand's own rule before the one for all brands. p_by_merchant asks for
-- tries that the merchant starts, of which more is forbidden than of the shopper's.
CREATE OR REPLACE FUNCTION gateway.is_never_again(
    p_brand text,
    p_advice_code text,
    p_network_code text,
    p_code text,
    p_at timestamptz,
    p_by_merchant boolean DEFAULT true
) RETURNS boolean
-- Not in plain SQL, whose plan would be made anew for every call.
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_never_again boolean;
BEGIN
    SELECT r.never_again AND (p_by_merchant OR NOT r.merchant_only) INTO v_never_again
    FROM gateway.decline_rules() AS r
    WHERE r.brand IN (p_brand, '') AND r.effective_from <= p_at
        AND r.code = CASE r.voice WHEN 1 THEN p_advice_code WHEN 2 THEN p_network_code ELSE p_code END
    ORDER BY r.voice, r.brand = '', r.effective_from DESC
    LIMIT 1;
    RETURN coalesce(v_never_again, false);
END;
$$;
