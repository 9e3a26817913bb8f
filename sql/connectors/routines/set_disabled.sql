-- Disables an account or enables it; an account that is so already stays as it is. No row when there is no such account.
CREATE OR REPLACE FUNCTION connectors.set_disabled(p_name text, p_disabled boolean, p_changed_by text)
RETURNS TABLE (account jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
DECLARE
    v_version bigint := connectors.next_change();
BEGIN
    UPDATE connectors.psp_account AS a
    SET
        disabled_at = CASE WHEN p_disabled THEN now() END,
        version = v_version,
        updated_at = now()
    WHERE a.name = p_name AND (a.disabled_at IS NOT NULL) <> p_disabled;
    IF FOUND THEN
        PERFORM connectors.audit_change(
            p_name, CASE WHEN p_disabled THEN 'disabled' ELSE 'enabled' END, p_changed_by
        );
    END IF;
    RETURN QUERY SELECT connectors.account_view(a) FROM connectors.psp_account AS a WHERE a.name = p_name;
END;
$$;
