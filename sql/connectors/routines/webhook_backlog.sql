-- How many webhooks and events wait or are parked, for the metrics; each counted to 10000 at most.
CREATE OR REPLACE FUNCTION connectors.webhook_backlog()
RETURNS TABLE (unverified bigint, waiting bigint, parked bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = connectors, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        (SELECT count(*) FROM (
            SELECT FROM connectors.webhook AS w WHERE w.state = 'UNVERIFIED' LIMIT 10000
        ) AS found),
        (SELECT count(*) FROM (
            SELECT FROM connectors.webhook_event AS e WHERE e.state = 'WAITING' LIMIT 10000
        ) AS found),
        (SELECT count(*) FROM (
            SELECT FROM connectors.webhook AS w WHERE w.state = 'PARKED' LIMIT 10000
        ) AS found);
END;
$$;
