-- An account as it leaves the database: everything but its sealed credentials.
CREATE OR REPLACE FUNCTION connectors.account_view(p_account connectors.psp_account) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'name', p_account.name,
        'merchant_id', coalesce(p_account.merchant_id, ''),
        'connector', p_account.connector,
        'base_url', p_account.base_url,
        'settings', p_account.settings,
        'credential_names', to_jsonb(p_account.credential_names),
        'credentials_version', p_account.credentials_version,
        'concurrent_calls', p_account.concurrent_calls,
        'calls_per_second', p_account.calls_per_second,
        'brands', to_jsonb(p_account.brands),
        'fee_schedule', p_account.fee_schedule,
        'version', p_account.version,
        'created_at', p_account.created_at,
        'updated_at', p_account.updated_at,
        'disabled_at', p_account.disabled_at
    )
$$;
