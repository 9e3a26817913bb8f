-- Gives the version of a merchant's priority list that decides; no row when the merchant has none.
CREATE OR REPLACE FUNCTION router.get_priorities(p_merchant_id text)
RETURNS TABLE (list_version bigint, priorities jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT list.list_version, list.priorities
    FROM router.current_priority_list AS current_list
    INNER JOIN router.priority_list AS list
        ON list.merchant_id = current_list.merchant_id AND list.list_version = current_list.list_version
    WHERE current_list.merchant_id = p_merchant_id;
END;
$$;
