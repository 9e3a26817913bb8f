-- The API keys of a merchant (null: of operators), newest first, the revoked ones too; the newest 1000 at most.
CREATE OR REPLACE FUNCTION gateway.list_api_keys(p_merchant_id text) RETURNS TABLE (api_key jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    IF p_merchant_id IS NULL THEN
        RETURN QUERY
        SELECT gateway.api_key_view(k)
        FROM gateway.api_key AS k
        WHERE k.merchant_id IS NULL
        ORDER BY k.created_at DESC, k.id DESC
        LIMIT 1000;
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM gateway.merchant AS m WHERE m.id = p_merchant_id) THEN
        PERFORM gateway.refuse('MERCHANT_NOT_FOUND', jsonb_build_object('merchant_id', p_merchant_id));
    END IF;
    RETURN QUERY
    SELECT gateway.api_key_view(k)
    FROM gateway.api_key AS k
    WHERE k.merchant_id = p_merchant_id
    ORDER BY k.created_at DESC, k.id DESC
    LIMIT 1000;
END;
$$;
