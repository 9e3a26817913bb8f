-- What no process has touched for p_grace_ms although it is not settled, oldest first: a crash may have left it.
-- A payment counts while it is PROCESSING, also between two attempts. What is under review waits for an operator.
CREATE OR REPLACE FUNCTION gateway.stalled_work(p_grace_ms integer, p_limit integer)
RETURNS TABLE (kind text, id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_before timestamptz := clock_timestamp() - p_grace_ms * interval '1 millisecond';
    v_limit integer := gateway.page_size(p_limit);
BEGIN
    RETURN QUERY
    SELECT work.kind, work.id
    FROM (
        (
            SELECT 'PAYMENT' AS kind, a.payment_id AS id, a.updated_at
            FROM gateway.attempt AS a
            WHERE a.unsettled AND NOT a.under_review AND a.updated_at < v_before
            ORDER BY a.updated_at
            LIMIT v_limit
        )
        UNION ALL
        (
            SELECT 'MODIFICATION' AS kind, m.id, m.updated_at
            FROM gateway.modification AS m
            WHERE m.status IN ('SENDING', 'UNKNOWN') AND NOT m.under_review AND m.updated_at < v_before
            ORDER BY m.updated_at
            LIMIT v_limit
        )
    ) AS work
    ORDER BY work.updated_at, work.id
    LIMIT v_limit;
END;
$$;
