-- Lists versions of a merchant's ruleset without their rules, newest first, those before a version (0: from the newest on).
CREATE OR REPLACE FUNCTION router.list_rulesets(p_merchant_id text, p_limit integer, p_before integer)
RETURNS TABLE (view jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT router.ruleset_view(kept, state.active_version, false)
    FROM router.ruleset_version AS kept
    INNER JOIN router.ruleset_state AS state ON state.merchant_id = kept.merchant_id
    WHERE kept.merchant_id = p_merchant_id AND (p_before = 0 OR kept.version < p_before)
    ORDER BY kept.version DESC
    LIMIT least(greatest(p_limit, 1), 1000);
END;
$$;
