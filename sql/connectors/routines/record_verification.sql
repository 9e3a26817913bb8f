-- Records what an attempt to verify a webhook came to: VERIFIED with events, REFUSED, PARKED, LATER with seconds to wait, or
-- DROPPED for one that nobody can ever verify, which is deleted.
-- Does nothing when the attempt is not the last one that was handed out.
CREATE OR REPLACE FUNCTION connectors.record_verification(
    p_webhook_id text,
    p_attempts integer,
    p_result text,
    p_refused_items integer,
    p_events jsonb,
    p_error text,
    p_wait_seconds integer
)
RETURNS TABLE (recorded boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_account text;
BEGIN
    SELECT w.account INTO v_account FROM connectors.webhook AS w
    WHERE w.webhook_id = p_webhook_id AND w.state = 'UNVERIFIED' AND w.attempts = p_attempts
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT false;
        RETURN;
    END IF;
    IF p_result = 'DROPPED' THEN
        DELETE FROM connectors.webhook AS w WHERE w.webhook_id = p_webhook_id;
        RETURN QUERY SELECT true;
        RETURN;
    END IF;
    UPDATE connectors.webhook AS w
    SET
        state = CASE p_result WHEN 'LATER' THEN 'UNVERIFIED' WHEN 'VERIFIED' THEN 'RECEIVED' ELSE p_result END,
        next_attempt_at = CASE WHEN p_result = 'LATER' THEN now() + make_interval(secs => p_wait_seconds) END,
        refused_items = p_refused_items,
        last_error = left(p_error, 500)
    WHERE w.webhook_id = p_webhook_id;
    IF p_result = 'VERIFIED' THEN
        PERFORM connectors.add_webhook_events(v_account, p_webhook_id, p_events);
        PERFORM connectors.settle_webhook(p_webhook_id);
    END IF;
    RETURN QUERY SELECT true;
END;
$$;
