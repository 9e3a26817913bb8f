-- Hands out events to be delivered, to one taker each: another one gets them after the lease.
CREATE OR REPLACE FUNCTION connectors.take_webhook_events(p_limit integer, p_lease_seconds integer)
RETURNS TABLE (
    account text, event_id text, webhook_id text, notification jsonb, attempts integer, given_up boolean,
    request_id text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH taken AS (
        UPDATE connectors.webhook_event AS e
        SET next_attempt_at = now() + make_interval(secs => p_lease_seconds), attempts = e.attempts + 1
        WHERE (e.account, e.event_id) IN (
            SELECT due.account, due.event_id FROM connectors.webhook_event AS due
            WHERE due.state = 'WAITING' AND due.next_attempt_at <= now()
            ORDER BY due.next_attempt_at, due.webhook_id, due.position
            LIMIT connectors.page_size(p_limit)
            FOR UPDATE SKIP LOCKED
        )
        RETURNING e.*
    )
    SELECT
        taken.account, taken.event_id, taken.webhook_id, taken.notification, taken.attempts,
        taken.give_up_at <= now(), w.request_id
    FROM taken
    INNER JOIN connectors.webhook AS w ON w.webhook_id = taken.webhook_id
    ORDER BY taken.webhook_id, taken.position;
END;
$$;
