-- Microseconds since the epoch; exact, as timestamps are kept in microseconds. Null for null.
CREATE OR REPLACE FUNCTION gateway.microseconds(p_time timestamptz) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT (extract(epoch FROM p_time) * 1000000)::bigint
$$;
