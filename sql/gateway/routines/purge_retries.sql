-- Deletes at most p_limit attempts, and as many cards, that no network's rule about retries counts any more; tells how many
-- of both. A card that must never be tried again stays.
CREATE OR REPLACE FUNCTION gateway.purge_retries(p_limit integer, OUT purged bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_before timestamptz := clock_timestamp() - gateway.retry_window();
    v_cards bigint;
BEGIN
    DELETE FROM gateway.retry_attempt AS a
    USING (
        SELECT x.payment_id, x.ordinal
        FROM gateway.retry_attempt AS x
        WHERE x.begun_at < v_before
        ORDER BY x.begun_at
        LIMIT gateway.page_size(p_limit)
        FOR UPDATE SKIP LOCKED
    ) AS old
    WHERE a.payment_id = old.payment_id AND a.ordinal = old.ordinal;
    GET DIAGNOSTICS purged = ROW_COUNT;
    -- Every attempt that counts has moved its card's row since it began, or moves it when it ends.
    DELETE FROM gateway.retry_card AS c
    USING (
        SELECT x.merchant_id, x.card_key
        FROM gateway.retry_card AS x
        WHERE NOT x.stopped AND x.updated_at < v_before
            AND NOT EXISTS (
                SELECT FROM gateway.retry_attempt AS y
                WHERE y.merchant_id = x.merchant_id AND y.card_key = x.card_key AND y.begun_at >= v_before
            )
        ORDER BY x.updated_at
        LIMIT gateway.page_size(p_limit)
        FOR UPDATE SKIP LOCKED
    ) AS old
    WHERE c.merchant_id = old.merchant_id AND c.card_key = old.card_key;
    GET DIAGNOSTICS v_cards = ROW_COUNT;
    purged := purged + v_cards;
END;
$$;
