-- All accounts with what is sealed of them and the webhook secrets in force, and the number of the change they are as of.
CREATE OR REPLACE FUNCTION connectors.load_accounts()
RETURNS TABLE (
    version bigint, account jsonb, sealed_credentials bytea, credentials_key_id text, webhook_secrets jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
BEGIN
    -- One statement sees one moment; accounts are 1000 at most and secrets in force 10 an account.
    RETURN QUERY
    SELECT
        change.version,
        CASE WHEN a.name IS NOT NULL THEN connectors.account_view(a) END,
        a.sealed_credentials,
        a.credentials_key_id,
        (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', s.secret_id,
                'sealed', encode(s.sealed_secret, 'base64'),
                'key_id', s.key_id,
                'created_at', s.created_at,
                'expires_at', s.expires_at
            ) ORDER BY s.created_at DESC, s.secret_id DESC), '[]'::jsonb)
            FROM connectors.webhook_secret AS s
            WHERE s.account = a.name AND (s.expires_at IS NULL OR s.expires_at > now())
        )
    FROM connectors.account_change AS change
    LEFT JOIN connectors.psp_account AS a ON true
    ORDER BY a.name;
END;
$$;
