-- Whole seconds from one time to another, 0 when there is no other.
CREATE OR REPLACE FUNCTION gateway.seconds_between(p_from timestamptz, p_until timestamptz) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(greatest(0, ceil(extract(epoch FROM p_until - p_from))), 0)::bigint
$$;
