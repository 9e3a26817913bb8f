-- How often the networks allow a card to be tried again at one merchant. gateway.retry_limits_in_force tells which rows
-- hold.
-- Written by devstack/cascade_policy.py. Change it in gateway_svc/domain/retry_governor.py.
CREATE OR REPLACE FUNCTION gateway.retry_limits()
RETURNS TABLE (
    brand text, attempts integer, period interval, same_amount boolean, reattempts_only boolean,
    since_approval boolean, effective_from timestamptz
)
LANGUAGE sql IMMUTABLE
AS $$
    VALUES
        ('visa', 15, interval '720 hours', false, true, true, timestamptz '-infinity'),
        ('visa', 20, interval '720 hours', false, true, true, timestamptz '2025-05-25 00:00:00+00'),
        ('mastercard', 10, interval '24 hours', false, false, false, timestamptz '-infinity'),
        ('mastercard', 35, interval '720 hours', true, false, false, timestamptz '-infinity')
$$;
