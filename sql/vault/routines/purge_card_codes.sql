-- Deletes up to a number of codes whose time is over, oldest first; tells how many were deleted.
CREATE OR REPLACE FUNCTION vault.purge_card_codes(p_limit integer)
RETURNS TABLE (deleted integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
DECLARE
    v_deleted integer;
BEGIN
    -- A code that an authorization is just using up is skipped rather than waited for.
    DELETE FROM vault.card_code
    WHERE token_id IN (
        SELECT code.token_id
        FROM vault.card_code AS code
        WHERE code.expires_at <= now()
        ORDER BY code.expires_at
        LIMIT least(p_limit, 10000)
        FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    RETURN QUERY SELECT v_deleted;
END;
$$;
