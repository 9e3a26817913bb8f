-- Keeps a webhook as it came. With p_events it is genuine; without, a certificate is needed first. Gives its id, or none
-- when there is nothing new in it: then nothing more is kept than that it came again.
CREATE OR REPLACE FUNCTION connectors.keep_webhook(
    p_webhook_id text,
    p_account text,
    p_headers jsonb,
    p_body bytea,
    p_request_id text,
    p_refused_items integer,
    p_events jsonb
)
RETURNS TABLE (webhook_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_new integer;
BEGIN
    IF p_events IS NULL THEN
        -- Anybody can send what nobody can verify yet: it is kept once, and not without a bound.
        PERFORM pg_advisory_xact_lock(hashtextextended('connectors.unverified:' || p_account, 0));
        IF EXISTS (
            SELECT FROM connectors.webhook AS w
            WHERE w.account = p_account AND w.state = 'UNVERIFIED' AND w.body_sha256 = sha256(p_body)
        ) THEN
            RETURN;
        END IF;
        IF (
            SELECT count(*) FROM connectors.webhook AS w WHERE w.account = p_account AND w.state = 'UNVERIFIED'
        ) >= 1000 THEN
            PERFORM connectors.refuse('OVERLOADED', '{}'::jsonb);
        END IF;
    ELSIF jsonb_array_length(p_events) > 0 AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(p_events) AS given (event)
        WHERE NOT EXISTS (
            SELECT FROM connectors.webhook_event AS known
            WHERE known.account = p_account AND known.event_id = given.event ->> 'event_id'
        )
    ) THEN
        UPDATE connectors.webhook_event AS known SET repetitions = known.repetitions + 1
        WHERE known.account = p_account AND known.event_id IN (
            SELECT given.event ->> 'event_id' FROM jsonb_array_elements(p_events) AS given (event)
        );
        RETURN;
    END IF;

    INSERT INTO connectors.webhook (
        webhook_id, account, headers, body, body_sha256, request_id, state, refused_items, next_attempt_at
    )
    VALUES (
        p_webhook_id, p_account, p_headers, p_body, sha256(p_body), left(p_request_id, 128),
        CASE WHEN p_events IS NULL THEN 'UNVERIFIED' ELSE 'RECEIVED' END, p_refused_items,
        CASE WHEN p_events IS NULL THEN now() END
    );
    IF p_events IS NOT NULL THEN
        v_new := connectors.add_webhook_events(p_account, p_webhook_id, p_events);
        IF v_new = 0 AND jsonb_array_length(p_events) > 0 THEN
            -- The same webhook came twice at once, and the other one was faster.
            DELETE FROM connectors.webhook AS w WHERE w.webhook_id = p_webhook_id;
            RETURN;
        END IF;
        PERFORM connectors.settle_webhook(p_webhook_id);
    END IF;
    RETURN QUERY SELECT p_webhook_id;
END;
$$;
