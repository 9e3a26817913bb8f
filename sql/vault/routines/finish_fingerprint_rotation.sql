-- Destroys the fingerprint key that was being replaced once the active key, which `p_key_id` must be, knows every card and
-- the old one has been idle for a while. Tells how many cards the active key does not know, and whether the old key is
-- gone. What it knew is of no use any more and goes with vault.forget_fingerprints.
CREATE OR REPLACE FUNCTION vault.finish_fingerprint_rotation(p_key_id text, p_idle_seconds integer, p_actor text)
RETURNS TABLE (cards_left bigint, is_destroyed boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_old vault.fingerprint_key%ROWTYPE;
BEGIN
    -- Counted before the lock, so that new cards don't wait for it: the active key knows each of them.
    SELECT count(*) INTO cards_left
    FROM vault.card AS card
    INNER JOIN vault.data_key AS data_key
        ON data_key.merchant_id = card.merchant_id AND data_key.key_version = card.key_version
    WHERE data_key.state <> 'destroyed' AND NOT EXISTS (
        SELECT 1
        FROM vault.fingerprint AS known
        WHERE known.fingerprint_id = card.fingerprint_id AND known.key_id = p_key_id
    );

    PERFORM pg_advisory_xact_lock(hashtextextended('vault.fingerprint_key', 0));
    SELECT * INTO v_old FROM vault.fingerprint_key WHERE state = 'retiring';
    is_destroyed := v_old.key_id IS NULL;
    IF v_old.key_id IS NOT NULL AND cards_left = 0
        AND v_old.state_changed_at <= now() - make_interval(secs => greatest(p_idle_seconds, 0))
        -- Counted for another key, 0 would mean nothing.
        AND EXISTS (SELECT 1 FROM vault.fingerprint_key WHERE key_id = p_key_id AND state = 'active')
    THEN
        UPDATE vault.fingerprint_key SET state = 'destroyed', wrapped_key = NULL, state_changed_at = now()
        WHERE key_id = v_old.key_id;
        is_destroyed := true;
        PERFORM vault.append_audit('destroy_fingerprint_key', 'idle', p_actor, '', '', '', '', v_old.key_id);
    END IF;
    RETURN NEXT;
END;
$$;
