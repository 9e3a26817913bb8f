-- A webhook secret as it leaves the database: without the secret.
CREATE OR REPLACE FUNCTION connectors.webhook_secret_view(p_secret connectors.webhook_secret) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', p_secret.secret_id,
        'account', p_secret.account,
        'created_at', p_secret.created_at,
        'expires_at', p_secret.expires_at
    )
$$;
