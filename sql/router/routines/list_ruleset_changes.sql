-- Lists what was done with a merchant's rulesets, newest first, before a change's number (0: from the newest on).
CREATE OR REPLACE FUNCTION router.list_ruleset_changes(p_merchant_id text, p_limit integer, p_before integer)
RETURNS TABLE (view jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT router.ruleset_change_view(known)
    FROM router.ruleset_change AS known
    WHERE known.merchant_id = p_merchant_id AND (p_before = 0 OR known.change_number < p_before)
    ORDER BY known.change_number DESC
    LIMIT least(greatest(p_limit, 1), 1000);
END;
$$;
