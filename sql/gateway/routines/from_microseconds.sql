-- The timestamp of microseconds since the epoch; exact, which to_timestamp's float would not be. Null for null.
CREATE OR REPLACE FUNCTION gateway.from_microseconds(p_microseconds bigint) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
    SELECT timestamptz '1970-01-01 00:00:00+00'
        + (p_microseconds / 1000000) * interval '1 second'
        + (p_microseconds % 1000000) * interval '1 microsecond'
$$;
