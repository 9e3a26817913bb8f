-- All merchants, newest first; pages as in list_payments.
CREATE OR REPLACE FUNCTION gateway.list_merchants(p_limit integer, p_before_us bigint, p_before_id text)
RETURNS TABLE (merchant jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT gateway.merchant_view(m)
    FROM gateway.merchant AS m
    WHERE (m.created_at, m.id)
        < (coalesce(gateway.from_microseconds(p_before_us), 'infinity'), coalesce(p_before_id, ''))
    ORDER BY m.created_at DESC, m.id DESC
    LIMIT gateway.page_size(p_limit);
END;
$$;
