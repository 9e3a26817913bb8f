-- Gives an account without its credentials; no row when there is no such account.
CREATE OR REPLACE FUNCTION connectors.get_account(p_name text)
RETURNS TABLE (account jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT connectors.account_view(a) FROM connectors.psp_account AS a WHERE a.name = p_name;
END;
$$;
