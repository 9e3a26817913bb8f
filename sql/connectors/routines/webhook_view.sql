-- A webhook as operators see it in a list: without headers and body, its events with their names alone.
CREATE OR REPLACE FUNCTION connectors.webhook_view(p_webhook connectors.webhook) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', p_webhook.webhook_id,
        'account', p_webhook.account,
        'state', p_webhook.state,
        'received_at', p_webhook.received_at,
        'body_bytes', octet_length(p_webhook.body),
        'refused_items', p_webhook.refused_items,
        'attempts', p_webhook.attempts,
        'last_error', p_webhook.last_error,
        'next_attempt_at', p_webhook.next_attempt_at,
        'request_id', p_webhook.request_id,
        'events', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'event_id', e.event_id,
                'event_type', e.event_type,
                'state', e.state,
                'disposition', e.disposition,
                'payment_id', e.payment_id,
                'attempts', e.attempts,
                'repetitions', e.repetitions,
                'last_error', e.last_error,
                'next_attempt_at', e.next_attempt_at
            ) ORDER BY e.position), '[]'::jsonb)
            FROM connectors.webhook_event AS e
            WHERE e.webhook_id = p_webhook.webhook_id
        )
    )
$$;
