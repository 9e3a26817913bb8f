-- The limits of a card brand that hold at a time: of each kind the newest.
CREATE OR REPLACE FUNCTION gateway.retry_limits_in_force(p_brand text, p_at timestamptz)
RETURNS TABLE (attempts integer, period interval, same_amount boolean, reattempts_only boolean, since_approval boolean)
-- One plain query, so that it becomes a part of the query that calls it.
LANGUAGE sql STABLE
AS $$
    SELECT DISTINCT ON (l.period, l.same_amount)
        l.attempts, l.period, l.same_amount, l.reattempts_only, l.since_approval
    FROM gateway.retry_limits() AS l
    WHERE l.brand = p_brand AND l.effective_from <= p_at
    ORDER BY l.period, l.same_amount, l.effective_from DESC
$$;
