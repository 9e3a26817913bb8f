-- Gives a version of a merchant's ruleset with its rules; no row when there is none of this number.
CREATE OR REPLACE FUNCTION router.get_ruleset(p_merchant_id text, p_version integer)
RETURNS TABLE (view jsonb, ruleset jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT router.ruleset_view(kept, state.active_version, true), kept.ruleset
    FROM router.ruleset_version AS kept
    INNER JOIN router.ruleset_state AS state ON state.merchant_id = kept.merchant_id
    WHERE kept.merchant_id = p_merchant_id AND kept.version = p_version;
END;
$$;
