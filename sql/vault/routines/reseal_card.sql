-- Replaces a card's sealed bytes if they are still those of `p_revision` and the key is the active one. With an expiry it
-- is a change that a merchant asked for, without one the same card under another key. Verdict: `resealed`, `changed`
-- (meanwhile, or gone) or `key_retired`.
CREATE OR REPLACE FUNCTION vault.reseal_card(
    p_merchant_id text,
    p_token_id text,
    p_revision integer,
    p_key_version integer,
    p_sealed_key bytea,
    p_sealed_card bytea,
    p_exp_month integer,
    p_exp_year integer,
    p_actor text,
    p_request_id text
)
RETURNS TABLE (verdict text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF NOT vault.is_active_data_key(p_merchant_id, p_key_version) THEN
        RETURN QUERY SELECT 'key_retired'::text;
        RETURN;
    END IF;
    UPDATE vault.card
    SET
        sealed_key = p_sealed_key, sealed_card = p_sealed_card, key_version = p_key_version, revision = revision + 1,
        exp_month = coalesce(p_exp_month, exp_month), exp_year = coalesce(p_exp_year, exp_year)
    WHERE token_id = p_token_id AND merchant_id = p_merchant_id AND revision = p_revision;
    verdict := CASE WHEN FOUND THEN 'resealed' ELSE 'changed' END;
    IF verdict = 'resealed' AND p_exp_month IS NOT NULL THEN
        PERFORM vault.append_audit('update_token', 'done', p_actor, p_request_id, p_merchant_id, p_token_id, '', '');
    END IF;
    RETURN NEXT;
END;
$$;
