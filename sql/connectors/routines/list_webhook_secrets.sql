-- An account's webhook secrets in force, newest first, without the secrets. One row without a secret when the account has
-- none, no row when there is no such account.
CREATE OR REPLACE FUNCTION connectors.list_webhook_secrets(p_account text)
RETURNS TABLE (secret jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT CASE WHEN s.secret_id IS NOT NULL THEN connectors.webhook_secret_view(s) END
    FROM connectors.psp_account AS a
    LEFT JOIN connectors.webhook_secret AS s
        ON s.account = a.name AND (s.expires_at IS NULL OR s.expires_at > now())
    WHERE a.name = p_account
    ORDER BY s.created_at DESC, s.secret_id DESC
    LIMIT 100;
END;
$$;
