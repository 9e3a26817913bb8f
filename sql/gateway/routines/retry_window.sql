-- What is older than this counts by no network's rule about retries.
CREATE OR REPLACE FUNCTION gateway.retry_window() RETURNS interval
LANGUAGE sql IMMUTABLE
AS $$
    SELECT max(l.period) FROM gateway.retry_limits() AS l
$$;
