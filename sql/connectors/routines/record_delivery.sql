-- Records what an attempt to deliver an event came to: DONE, PARKED, or WAITING with seconds to wait. Does nothing when the
-- attempt is not the last one that was handed out.
CREATE OR REPLACE FUNCTION connectors.record_delivery(
    p_account text,
    p_event_id text,
    p_attempts integer,
    p_state text,
    p_disposition text,
    p_payment_id text,
    p_error text,
    p_wait_seconds integer
)
RETURNS TABLE (recorded boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_webhook_id text;
BEGIN
    UPDATE connectors.webhook_event AS e
    SET
        state = p_state,
        disposition = p_disposition,
        payment_id = left(p_payment_id, 64),
        last_error = left(p_error, 500),
        next_attempt_at = CASE WHEN p_state = 'WAITING' THEN now() + make_interval(secs => p_wait_seconds) END
    WHERE e.account = p_account AND e.event_id = p_event_id AND e.state = 'WAITING' AND e.attempts = p_attempts
    RETURNING e.webhook_id INTO v_webhook_id;
    IF v_webhook_id IS NULL THEN
        RETURN QUERY SELECT false;
        RETURN;
    END IF;
    IF p_state <> 'WAITING' THEN
        PERFORM connectors.settle_webhook(v_webhook_id);
    END IF;
    RETURN QUERY SELECT true;
END;
$$;
