-- Lists merchants whose active data key is older than a moment or who have cards under an older key, in their order.
CREATE OR REPLACE FUNCTION vault.merchants_to_rotate(
    p_merchant_id text, p_created_before timestamptz, p_after text, p_limit integer
)
RETURNS TABLE (merchant_id text, key_version integer, is_due boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT known.merchant_id, known.key_version, known.created_at < p_created_before
    FROM vault.data_key AS known
    WHERE known.state = 'active' AND known.merchant_id > p_after
        AND (p_merchant_id = '' OR known.merchant_id = p_merchant_id)
        AND (
            known.created_at < p_created_before
            OR EXISTS (
                SELECT 1
                FROM vault.data_key AS older
                WHERE older.merchant_id = known.merchant_id AND older.state = 'decrypt_only'
            )
        )
    ORDER BY known.merchant_id
    LIMIT least(p_limit, 1000);
END;
$$;
