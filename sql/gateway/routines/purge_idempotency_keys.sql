-- Deletes at most p_limit idempotency keys whose 30 days are over; tells how many. A key whose operation is not final
-- stays: forgetting it could let a repeat charge twice.
CREATE OR REPLACE FUNCTION gateway.purge_idempotency_keys(p_limit integer, OUT purged bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    DELETE FROM gateway.idempotency_key AS k
    USING (
        SELECT x.merchant_id, x.key
        FROM gateway.idempotency_key AS x
        WHERE x.expires_at < clock_timestamp() AND x.answer IS NOT NULL
        ORDER BY x.expires_at
        LIMIT gateway.page_size(p_limit)
        FOR UPDATE SKIP LOCKED
    ) AS expired
    WHERE k.merchant_id = expired.merchant_id AND k.key = expired.key;
    GET DIAGNOSTICS purged = ROW_COUNT;
END;
$$;
