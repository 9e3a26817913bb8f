-- Hands out what no process has touched for p_grace_ms although it is not settled: a crash may have left it.
-- What has not been handed out since it last moved comes first, the oldest of it first. The rest, mostly in a long wait
-- before its next ask, follows in turns, each at most once in six times p_grace_ms. What is handed out is marked so.
-- A payment counts while it is PROCESSING, also between two attempts. What is under review waits for an operator.
CREATE OR REPLACE FUNCTION gateway.stalled_work(p_grace_ms integer, p_limit integer)
RETURNS TABLE (kind text, id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_before timestamptz := v_now - p_grace_ms * interval '1 millisecond';
    v_again timestamptz := v_now - 6 * p_grace_ms * interval '1 millisecond';
    v_limit integer := gateway.page_size(p_limit);
BEGIN
    -- What is locked is being recorded, so it is not stalled; skipping it also keeps this out of every deadlock.
    RETURN QUERY
    WITH new_attempt AS (
        SELECT a.payment_id, a.ordinal, a.swept_at, a.updated_at
        FROM gateway.attempt AS a
        WHERE a.unsettled AND NOT a.under_review AND a.swept_at IS NULL AND a.updated_at < v_before
        ORDER BY a.updated_at
        LIMIT v_limit
        FOR UPDATE SKIP LOCKED
    ), known_attempt AS (
        SELECT a.payment_id, a.ordinal, a.swept_at, a.updated_at
        FROM gateway.attempt AS a
        WHERE a.unsettled AND NOT a.under_review AND a.swept_at < v_again
        ORDER BY a.swept_at
        LIMIT v_limit
        FOR UPDATE SKIP LOCKED
    ), new_modification AS (
        SELECT m.id, m.swept_at, m.updated_at
        FROM gateway.modification AS m
        WHERE m.status IN ('SENDING', 'UNKNOWN', 'PENDING') AND NOT m.under_review AND m.swept_at IS NULL
            AND m.updated_at < v_before
        ORDER BY m.updated_at
        LIMIT v_limit
        FOR UPDATE SKIP LOCKED
    ), known_modification AS (
        SELECT m.id, m.swept_at, m.updated_at
        FROM gateway.modification AS m
        WHERE m.status IN ('SENDING', 'UNKNOWN', 'PENDING') AND NOT m.under_review AND m.swept_at < v_again
        ORDER BY m.swept_at
        LIMIT v_limit
        FOR UPDATE SKIP LOCKED
    ), chosen AS (
        SELECT *
        FROM (
            SELECT 'PAYMENT', x.payment_id, x.ordinal, x.swept_at, x.updated_at FROM new_attempt AS x
            UNION ALL SELECT 'PAYMENT', x.payment_id, x.ordinal, x.swept_at, x.updated_at FROM known_attempt AS x
            UNION ALL SELECT 'MODIFICATION', x.id, 0, x.swept_at, x.updated_at FROM new_modification AS x
            UNION ALL SELECT 'MODIFICATION', x.id, 0, x.swept_at, x.updated_at FROM known_modification AS x
        ) AS work (work_kind, work_id, ordinal, swept_at, updated_at)
        ORDER BY work.swept_at NULLS FIRST, work.updated_at, work.work_id
        LIMIT v_limit
    ), marked_attempt AS (
        UPDATE gateway.attempt AS a SET swept_at = v_now
        FROM chosen AS c
        WHERE c.work_kind = 'PAYMENT' AND a.payment_id = c.work_id AND a.ordinal = c.ordinal
    ), marked_modification AS (
        UPDATE gateway.modification AS m SET swept_at = v_now
        FROM chosen AS c
        WHERE c.work_kind = 'MODIFICATION' AND m.id = c.work_id
    )
    SELECT c.work_kind, c.work_id FROM chosen AS c ORDER BY c.swept_at NULLS FIRST, c.updated_at, c.work_id;
END;
$$;
