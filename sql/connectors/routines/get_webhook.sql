-- A webhook as it came, with the names of its headers; no row when there is no such webhook.
CREATE OR REPLACE FUNCTION connectors.get_webhook(p_webhook_id text)
RETURNS TABLE (webhook jsonb, header_names text [], body bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT connectors.webhook_view(w), ARRAY(SELECT jsonb_object_keys(w.headers) AS name ORDER BY name), w.body
    FROM connectors.webhook AS w
    WHERE w.webhook_id = p_webhook_id;
END;
$$;
