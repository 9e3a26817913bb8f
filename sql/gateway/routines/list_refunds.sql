-- A merchant's refunds, newest first, of one payment or (p_payment_id null) of all; pages as in list_payments.
CREATE OR REPLACE FUNCTION gateway.list_refunds(
    p_merchant_id text, p_payment_id text, p_limit integer, p_before_us bigint, p_before_id text
) RETURNS TABLE (refund jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_before timestamptz := coalesce(gateway.from_microseconds(p_before_us), 'infinity');
BEGIN
    IF p_payment_id <> '' THEN
        RETURN QUERY
        SELECT gateway.modification_view(m)
        FROM gateway.modification AS m
        WHERE m.payment_id = p_payment_id AND m.merchant_id = p_merchant_id AND m.kind = 'REFUND'
            AND (m.created_at, m.id) < (v_before, coalesce(p_before_id, ''))
        ORDER BY m.created_at DESC, m.id DESC
        LIMIT gateway.page_size(p_limit);
        RETURN;
    END IF;
    RETURN QUERY
    SELECT gateway.modification_view(m)
    FROM gateway.modification AS m
    WHERE m.merchant_id = p_merchant_id AND m.kind = 'REFUND'
        AND (m.created_at, m.id) < (v_before, coalesce(p_before_id, ''))
    ORDER BY m.created_at DESC, m.id DESC
    LIMIT gateway.page_size(p_limit);
END;
$$;
