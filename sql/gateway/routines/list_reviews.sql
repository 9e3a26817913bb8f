-- What waits for an operator, the oldest first. A page goes on after (p_after_us, p_after_id), the last row of the page before it. A
-- null filter filters nothing.
CREATE OR REPLACE FUNCTION gateway.list_reviews(
    p_limit integer, p_after_us bigint, p_after_id text, p_merchant_id text, p_account text, p_kind text
) RETURNS TABLE (review jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_after timestamptz := coalesce(gateway.from_microseconds(p_after_us), '-infinity');
BEGIN
    RETURN QUERY
    SELECT gateway.review_view(r)
    FROM gateway.review AS r
    WHERE r.closed_at IS NULL
        AND (r.opened_at, r.reference) > (v_after, coalesce(p_after_id, ''))
        AND (p_merchant_id IS NULL OR r.merchant_id = p_merchant_id)
        AND (p_account IS NULL OR r.account = p_account)
        AND (p_kind IS NULL OR r.kind = p_kind)
    ORDER BY r.opened_at, r.reference
    LIMIT gateway.page_size(p_limit);
END;
$$;
