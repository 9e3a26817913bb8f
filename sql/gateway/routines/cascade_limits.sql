-- How many attempts a payment has at most, and for how long after its begin one may follow another.
-- Written by devstack/cascade_policy.py. Change it in gateway_svc/domain/cascade_policy.py.
CREATE OR REPLACE FUNCTION gateway.cascade_limits(OUT max_attempts integer, OUT patience interval)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT 4, interval '900 seconds'
$$;
