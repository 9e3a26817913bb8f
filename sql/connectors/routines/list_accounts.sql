-- Accounts without their credentials, by name, those after p_after.
CREATE OR REPLACE FUNCTION connectors.list_accounts(p_limit integer, p_after text)
RETURNS TABLE (account jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT connectors.account_view(a)
    FROM connectors.psp_account AS a
    WHERE a.name > p_after
    ORDER BY a.name
    LIMIT connectors.page_size(p_limit);
END;
$$;
