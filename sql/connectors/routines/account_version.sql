-- The number of the last change to any account or secret: cheap, for those who ask every few seconds.
CREATE OR REPLACE FUNCTION connectors.account_version()
RETURNS TABLE (version bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT change.version FROM connectors.account_change AS change;
END;
$$;
