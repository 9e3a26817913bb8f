-- A merchant's payments of a time, newest first, as routing saw them: nothing of the card but what rules may ask for, and never
-- a token. A page goes on before (p_before_us, p_before_id), the last row of the page before it. The newest possible position is
-- the end of the time, so that the range of one index, payment_newest_of_merchant, has a page's rows and no others.
CREATE OR REPLACE FUNCTION gateway.list_routed_payments(
    p_merchant_id text,
    p_limit integer,
    p_before_us bigint,
    p_before_id text,
    p_begin_us bigint,
    p_end_us bigint
) RETURNS TABLE (payment jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_begin timestamptz := gateway.from_microseconds(p_begin_us);
    v_before timestamptz := gateway.from_microseconds(coalesce(p_before_us, p_end_us));
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object(
        'id', p.id,
        'amount', p.amount,
        'currency', p.currency,
        'created_us', gateway.microseconds(p.created_at),
        'brand', coalesce(p.card ->> 'brand', ''),
        'bin', coalesce(p.card ->> 'bin', ''),
        'funding', coalesce(p.card ->> 'funding', ''),
        'issuer_country', coalesce(p.card ->> 'issuer_country', ''),
        'initiator', coalesce(p.stored_credential ->> 'initiator', 'CUSTOMER'),
        'three_ds', CASE WHEN p.three_ds IS NULL THEN 'NONE' ELSE 'EXTERNAL' END,
        'metadata', p.metadata,
        'first_account', coalesce(a.account, ''),
        'status', p.status
    )
    FROM gateway.payment AS p
    LEFT JOIN gateway.attempt AS a ON a.payment_id = p.id AND a.ordinal = 1
    WHERE p.merchant_id = p_merchant_id
        AND (p.created_at, p.id) < (v_before, coalesce(p_before_id, ''))
        AND p.created_at >= v_begin
    ORDER BY p.created_at DESC, p.id DESC
    LIMIT gateway.page_size(p_limit);
END;
$$;
