-- Keeps the events of a webhook, as a JSON array of {event_id, event_type, notification}. An event that is known already
-- is counted as repeated. Gives how many are new.
CREATE OR REPLACE FUNCTION connectors.add_webhook_events(p_account text, p_webhook_id text, p_events jsonb)
RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_new integer;
BEGIN
    -- In one order everywhere, so that two batches with the same events do not wait for each other.
    WITH given AS (
        SELECT DISTINCT ON (event ->> 'event_id')
            event ->> 'event_id' AS event_id,
            left(event ->> 'event_type', 128) AS event_type,
            nullif(event -> 'notification', 'null'::jsonb) AS notification,
            place::integer - 1 AS position
        FROM jsonb_array_elements(p_events) WITH ORDINALITY AS events (event, place)
        ORDER BY event ->> 'event_id', place
    ),
    kept AS (
        INSERT INTO connectors.webhook_event AS known (
            account, event_id, webhook_id, position, event_type, notification, state, disposition, next_attempt_at
        )
        SELECT
            p_account, given.event_id, p_webhook_id, given.position, given.event_type, given.notification,
            CASE WHEN given.notification IS NULL THEN 'DONE' ELSE 'WAITING' END,
            CASE WHEN given.notification IS NULL THEN 'NOT_AN_OPERATION' ELSE '' END,
            CASE WHEN given.notification IS NOT NULL THEN now() END
        FROM given
        ORDER BY given.event_id
        ON CONFLICT (account, event_id) DO UPDATE SET repetitions = known.repetitions + 1
        RETURNING known.webhook_id
    )
    SELECT count(*) INTO v_new FROM kept WHERE kept.webhook_id = p_webhook_id;
    RETURN v_new;
END;
$$;
