-- When the result of an operation that was acknowledged at p_now is expected; null when the PSP's side did not say.
CREATE OR REPLACE FUNCTION gateway.expected_by(p_now timestamptz, p_details jsonb) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT p_now + (p_details ->> 'expected_within_seconds')::bigint * interval '1 second'
$$;
