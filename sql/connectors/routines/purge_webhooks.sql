-- Deletes webhooks that came more than 90 days ago, with their events, oldest first; tells how many.
CREATE OR REPLACE FUNCTION connectors.purge_webhooks(p_limit integer)
RETURNS TABLE (deleted integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
DECLARE
    v_deleted integer;
BEGIN
    DELETE FROM connectors.webhook
    WHERE webhook_id IN (
        SELECT w.webhook_id FROM connectors.webhook AS w
        WHERE w.received_at <= now() - interval '90 days'
        ORDER BY w.received_at
        LIMIT connectors.page_size(p_limit)
        FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    RETURN QUERY SELECT v_deleted;
END;
$$;
