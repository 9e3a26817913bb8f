-- Creates an account. Refuses a name that is taken, and more than 1000 accounts.
CREATE OR REPLACE FUNCTION connectors.create_account(
    p_name text,
    p_merchant_id text,
    p_connector text,
    p_configuration jsonb,
    p_sealed_credentials bytea,
    p_credentials_key_id text,
    p_credential_names text [],
    p_changed_by text
)
RETURNS TABLE (account jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
DECLARE
    v_version bigint := connectors.next_change();
    v_account connectors.psp_account;
BEGIN
    IF EXISTS (SELECT FROM connectors.psp_account AS a WHERE a.name = p_name) THEN
        PERFORM connectors.refuse('PSP_ACCOUNT_EXISTS', jsonb_build_object('account', p_name));
    END IF;
    IF (SELECT count(*) FROM connectors.psp_account) >= 1000 THEN
        PERFORM connectors.refuse('PSP_ACCOUNT_LIMIT', jsonb_build_object('limit', 1000));
    END IF;
    INSERT INTO connectors.psp_account (
        name, merchant_id, connector, base_url, settings, sealed_credentials, credentials_key_id, credentials_version,
        credential_names, concurrent_calls, calls_per_second, brands, fee_schedule, version
    )
    VALUES (
        p_name, nullif(p_merchant_id, ''), p_connector, p_configuration ->> 'base_url', p_configuration -> 'settings',
        p_sealed_credentials, p_credentials_key_id, 1, p_credential_names,
        (p_configuration ->> 'concurrent_calls')::integer, (p_configuration ->> 'calls_per_second')::integer,
        ARRAY(SELECT jsonb_array_elements_text(p_configuration -> 'brands')),
        nullif(p_configuration -> 'fee_schedule', 'null'::jsonb), v_version
    )
    RETURNING * INTO v_account;
    PERFORM connectors.audit_change(p_name, 'created', p_changed_by);
    RETURN QUERY SELECT connectors.account_view(v_account);
END;
$$;
