-- Hands out webhooks whose certificate is to be brought, to one taker each: another one gets them after the lease.
CREATE OR REPLACE FUNCTION connectors.take_unverified_webhooks(p_limit integer, p_lease_seconds integer)
RETURNS TABLE (
    webhook_id text, account text, received_at timestamptz, headers jsonb, body bytea, attempts integer,
    given_up boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    UPDATE connectors.webhook AS w
    SET next_attempt_at = now() + make_interval(secs => p_lease_seconds), attempts = w.attempts + 1
    WHERE w.webhook_id IN (
        SELECT due.webhook_id FROM connectors.webhook AS due
        WHERE due.state = 'UNVERIFIED' AND due.next_attempt_at <= now()
        ORDER BY due.next_attempt_at
        LIMIT connectors.page_size(p_limit)
        FOR UPDATE SKIP LOCKED
    )
    RETURNING
        w.webhook_id, w.account, w.received_at, w.headers, w.body, w.attempts, w.give_up_at <= now();
END;
$$;
