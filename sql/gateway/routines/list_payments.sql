-- A merchant's payments, newest first, without their attempts and modifications. A page goes on before
-- (p_before_us, p_before_id), the last row of the page before it; new payments never move what follows. A null
-- filter filters nothing.
CREATE OR REPLACE FUNCTION gateway.list_payments(
    p_merchant_id text,
    p_limit integer,
    p_before_us bigint,
    p_before_id text,
    p_status text,
    p_merchant_reference text,
    p_currency text,
    p_created_from_us bigint,
    p_created_before_us bigint
) RETURNS TABLE (payment jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_before timestamptz := coalesce(gateway.from_microseconds(p_before_us), 'infinity');
    v_from timestamptz := coalesce(gateway.from_microseconds(p_created_from_us), '-infinity');
    v_until timestamptz := coalesce(gateway.from_microseconds(p_created_before_us), 'infinity');
BEGIN
    IF p_merchant_reference <> '' THEN
        RETURN QUERY
        SELECT gateway.payment_with(p, NULL, NULL, NULL) - '{attempts,captures,voids}'::text[]
        FROM gateway.payment AS p
        WHERE p.merchant_id = p_merchant_id
            AND p.merchant_reference = p_merchant_reference AND p.merchant_reference <> ''
            AND (p.created_at, p.id) < (v_before, coalesce(p_before_id, ''))
            AND p.created_at >= v_from AND p.created_at < v_until
            AND (p_status IS NULL OR p.status::text = p_status)
            AND (p_currency IS NULL OR p.currency = p_currency);
        RETURN;
    END IF;
    RETURN QUERY
    SELECT gateway.payment_with(p, NULL, NULL, NULL) - '{attempts,captures,voids}'::text[]
    FROM gateway.payment AS p
    WHERE p.merchant_id = p_merchant_id
        AND (p.created_at, p.id) < (v_before, coalesce(p_before_id, ''))
        AND p.created_at >= v_from AND p.created_at < v_until
        AND (p_status IS NULL OR p.status::text = p_status)
        AND (p_currency IS NULL OR p.currency = p_currency)
    ORDER BY p.created_at DESC, p.id DESC
    LIMIT gateway.page_size(p_limit);
END;
$$;
