-- Adds a webhook secret; those before it end after the overlap. No row when there is no such account.
CREATE OR REPLACE FUNCTION connectors.create_webhook_secret(
    p_account text,
    p_secret_id text,
    p_sealed_secret bytea,
    p_key_id text,
    p_overlap_seconds integer,
    p_changed_by text
)
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
    -- What has ended is of no more use, and its sealed text need not be kept.
    DELETE FROM connectors.webhook_secret AS s WHERE s.account = p_account AND s.expires_at <= now();
    IF (SELECT count(*) FROM connectors.webhook_secret AS s WHERE s.account = p_account) >= 10 THEN
        PERFORM connectors.refuse('WEBHOOK_SECRET_LIMIT', jsonb_build_object('account', p_account, 'limit', 10));
    END IF;
    UPDATE connectors.webhook_secret AS s
    SET expires_at = least(s.expires_at, now() + make_interval(secs => p_overlap_seconds))
    WHERE s.account = p_account;
    INSERT INTO connectors.webhook_secret (secret_id, account, sealed_secret, key_id)
    VALUES (p_secret_id, p_account, p_sealed_secret, p_key_id)
    RETURNING * INTO v_secret;
    UPDATE connectors.psp_account AS a SET version = v_version WHERE a.name = p_account;
    PERFORM connectors.audit_change(p_account, 'webhook_secret_added', p_changed_by);
    RETURN QUERY SELECT connectors.webhook_secret_view(v_secret);
END;
$$;
