-- Hands out tokens that the vault is to be told of, to one taker each. What was handed out comes again, after 5 seconds at
-- first and every 5 minutes at last, until it is dropped: single-use tokens end after a day, so nothing waits for long.
CREATE OR REPLACE FUNCTION gateway.take_tokens_to_keep(p_limit integer)
RETURNS TABLE (payment_id text, merchant_id text, token text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    WITH due AS (
        SELECT payment_id
        FROM gateway.token_to_keep
        WHERE next_try_at <= v_now
        ORDER BY next_try_at, payment_id
        LIMIT gateway.page_size(p_limit)
        FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE gateway.token_to_keep AS t
        SET tries = t.tries + 1,
            next_try_at = v_now + least(interval '5 minutes', interval '5 seconds' * 2 ^ least(t.tries, 10))
        FROM due
        WHERE t.payment_id = due.payment_id
        RETURNING t.payment_id, t.merchant_id, t.token, t.created_at
    )
    SELECT taken.payment_id, taken.merchant_id, taken.token FROM taken ORDER BY taken.created_at, taken.payment_id;
END;
$$;
