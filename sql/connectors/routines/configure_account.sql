-- Replaces an account's configuration; no row when there is no such account, or when its credentials are not of the version
-- that the caller has seen: they may be for another address by now.
CREATE OR REPLACE FUNCTION connectors.configure_account(
    p_name text, p_credentials_version integer, p_configuration jsonb, p_changed_by text
)
RETURNS TABLE (account jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
DECLARE
    v_version bigint := connectors.next_change();
    v_address text := p_configuration ->> 'base_url';
    v_before text;
BEGIN
    SELECT a.base_url INTO v_before FROM connectors.psp_account AS a WHERE a.name = p_name FOR UPDATE;
    RETURN QUERY
    UPDATE connectors.psp_account AS a
    SET
        base_url = v_address,
        settings = p_configuration -> 'settings',
        concurrent_calls = (p_configuration ->> 'concurrent_calls')::integer,
        calls_per_second = (p_configuration ->> 'calls_per_second')::integer,
        brands = ARRAY(SELECT jsonb_array_elements_text(p_configuration -> 'brands')),
        fee_schedule = nullif(p_configuration -> 'fee_schedule', 'null'::jsonb),
        version = v_version,
        updated_at = now()
    WHERE a.name = p_name AND a.credentials_version = p_credentials_version
    RETURNING connectors.account_view(a);
    IF FOUND THEN
        PERFORM connectors.audit_change(
            p_name, 'configured', p_changed_by,
            CASE WHEN v_before <> v_address THEN v_before || ' -> ' || v_address ELSE '' END
        );
    END IF;
END;
$$;
