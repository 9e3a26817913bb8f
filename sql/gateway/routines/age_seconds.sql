-- Whole seconds since then, never negative.
CREATE OR REPLACE FUNCTION gateway.age_seconds(p_time timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
    SELECT greatest(0, floor(extract(epoch FROM clock_timestamp() - p_time)))::bigint
$$;
