-- Says where a verified webhook stands, from its events.
CREATE OR REPLACE FUNCTION connectors.settle_webhook(p_webhook_id text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    -- The row lock makes the last of several events that end at once see all the others.
    PERFORM FROM connectors.webhook AS w WHERE w.webhook_id = p_webhook_id FOR UPDATE;
    UPDATE connectors.webhook AS w
    SET
        state = CASE
            WHEN EXISTS (
                SELECT FROM connectors.webhook_event AS e WHERE e.webhook_id = p_webhook_id AND e.state = 'WAITING'
            ) THEN 'RECEIVED'
            WHEN EXISTS (
                SELECT FROM connectors.webhook_event AS e WHERE e.webhook_id = p_webhook_id AND e.state = 'PARKED'
            ) THEN 'PARKED'
            ELSE 'DONE'
        END,
        next_attempt_at = NULL
    WHERE w.webhook_id = p_webhook_id;
END;
$$;
