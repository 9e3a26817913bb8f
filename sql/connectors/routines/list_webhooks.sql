-- Webhooks, newest first, those before p_before; empty texts stand for no filter.
CREATE OR REPLACE FUNCTION connectors.list_webhooks(p_account text, p_state text, p_limit integer, p_before text)
RETURNS TABLE (webhook jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT connectors.webhook_view(w)
    FROM connectors.webhook AS w
    WHERE (p_account = '' OR w.account = p_account)
        AND (p_state = '' OR w.state = p_state)
        AND (p_before = '' OR w.webhook_id < p_before)
    ORDER BY w.webhook_id DESC
    LIMIT connectors.page_size(p_limit);
END;
$$;
