-- How many events wait, counted to 100000 at most, and how long the first has waited (0 when none does).
CREATE OR REPLACE FUNCTION gateway.outbox_backlog(OUT pending bigint, OUT oldest_age_ms bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    SELECT count(*) INTO pending FROM (SELECT FROM gateway.outbox LIMIT 100000) AS waiting;
    SELECT greatest(0, extract(epoch FROM clock_timestamp() - o.occurred_at) * 1000)::bigint INTO oldest_age_ms
    FROM gateway.outbox AS o
    ORDER BY o.position
    LIMIT 1;
    oldest_age_ms := coalesce(oldest_age_ms, 0);
END;
$$;
