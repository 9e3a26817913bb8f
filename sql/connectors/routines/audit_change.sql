-- Writes down who changed what of an account.
CREATE OR REPLACE FUNCTION connectors.audit_change(
    p_account text, p_action text, p_changed_by text, p_detail text DEFAULT ''
) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO connectors.account_audit (account, action, changed_by, detail)
    VALUES (p_account, p_action, left(p_changed_by, 64), p_detail)
$$;
