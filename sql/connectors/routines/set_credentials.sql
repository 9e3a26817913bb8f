-- Replaces an account's credentials, which are sealed for the version they are to have, and the address they are sent to. No
-- row when that is not the next version: somebody else was faster, and the caller seals anew.
CREATE OR REPLACE FUNCTION connectors.set_credentials(
    p_name text,
    p_credentials_version integer,
    p_sealed_credentials bytea,
    p_credentials_key_id text,
    p_credential_names text [],
    p_base_url text,
    p_changed_by text
)
RETURNS TABLE (account jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
DECLARE
    v_version bigint := connectors.next_change();
    v_before text;
BEGIN
    SELECT a.base_url INTO v_before FROM connectors.psp_account AS a WHERE a.name = p_name FOR UPDATE;
    RETURN QUERY
    UPDATE connectors.psp_account AS a
    SET
        sealed_credentials = p_sealed_credentials,
        credentials_key_id = p_credentials_key_id,
        credentials_version = p_credentials_version,
        credential_names = p_credential_names,
        base_url = p_base_url,
        version = v_version,
        updated_at = now()
    WHERE a.name = p_name AND a.credentials_version = p_credentials_version - 1
    RETURNING connectors.account_view(a);
    IF FOUND THEN
        PERFORM connectors.audit_change(
            p_name, 'credentials_set', p_changed_by,
            CASE WHEN v_before <> p_base_url THEN v_before || ' -> ' || p_base_url ELSE '' END
        );
    END IF;
END;
$$;
