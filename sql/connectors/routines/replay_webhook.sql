-- Lets a webhook be handled again from the start: one that was never verified is verified again, unless the same one came
-- again and waits for that already; the events of any other are delivered again. Gives whether there is such a webhook.
CREATE OR REPLACE FUNCTION connectors.replay_webhook(p_webhook_id text)
RETURNS TABLE (found boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_verified boolean;
BEGIN
    SELECT w.state <> 'UNVERIFIED' AND EXISTS (
        SELECT FROM connectors.webhook_event AS e WHERE e.webhook_id = p_webhook_id
    )
    INTO v_verified
    FROM connectors.webhook AS w
    WHERE w.webhook_id = p_webhook_id
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT false;
        RETURN;
    END IF;
    IF v_verified THEN
        -- The count of attempts goes on, so that a delivery under way can't end this one.
        UPDATE connectors.webhook_event AS e
        SET
            state = 'WAITING', next_attempt_at = now(), attempts = e.attempts + 1,
            give_up_at = now() + interval '24 hours'
        WHERE e.webhook_id = p_webhook_id AND e.notification IS NOT NULL;
        PERFORM connectors.settle_webhook(p_webhook_id);
    ELSE
        UPDATE connectors.webhook AS w
        SET
            state = 'UNVERIFIED', next_attempt_at = now(), attempts = w.attempts + 1,
            give_up_at = now() + interval '24 hours'
        WHERE w.webhook_id = p_webhook_id AND w.state IN ('UNVERIFIED', 'PARKED', 'REFUSED')
            AND NOT EXISTS (
                SELECT FROM connectors.webhook AS other
                WHERE other.account = w.account AND other.body_sha256 = w.body_sha256
                    AND other.state = 'UNVERIFIED' AND other.webhook_id <> w.webhook_id
            );
    END IF;
    RETURN QUERY SELECT true;
END;
$$;
