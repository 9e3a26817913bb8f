-- Ends a webhook secret now and forgets what was sealed. Refuses when the account has no such secret in force; no row when
-- there is no such account.
CREATE OR REPLACE FUNCTION connectors.retire_webhook_secret(p_account text, p_secret_id text, p_changed_by text)
RETURNS TABLE (secret jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
DECLARE
    v_version bigint := connectors.next_change();
    v_secret connectors.webhook_secret;
BEGIN
    IF NOT EXISTS (SELECT FROM connectors.psp_account AS a WHERE a.name = p_account) THEN
        RETURN;
    END IF;
    DELETE FROM connectors.webhook_secret AS s
    WHERE s.account = p_account AND s.secret_id = p_secret_id AND (s.expires_at IS NULL OR s.expires_at > now())
    RETURNING * INTO v_secret;
    IF v_secret.secret_id IS NULL THEN
        PERFORM connectors.refuse(
            'WEBHOOK_SECRET_NOT_FOUND', jsonb_build_object('account', p_account, 'secret_id', left(p_secret_id, 64))
        );
    END IF;
    UPDATE connectors.psp_account AS a SET version = v_version WHERE a.name = p_account;
    PERFORM connectors.audit_change(p_account, 'webhook_secret_retired', p_changed_by);
    v_secret.expires_at := now();
    RETURN QUERY SELECT connectors.webhook_secret_view(v_secret);
END;
$$;
