-- Deletes up to a number of HMACs of fingerprint keys that are destroyed; tells how many were deleted.
CREATE OR REPLACE FUNCTION vault.forget_fingerprints(p_limit integer)
RETURNS TABLE (deleted integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
DECLARE
    v_deleted integer;
BEGIN
    DELETE FROM vault.fingerprint
    WHERE (merchant_id, key_id, fingerprint) IN (
        SELECT known.merchant_id, known.key_id, known.fingerprint
        FROM vault.fingerprint AS known
        INNER JOIN vault.fingerprint_key AS used ON used.key_id = known.key_id
        WHERE used.state = 'destroyed'
        LIMIT least(p_limit, 10000)
    );
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    RETURN QUERY SELECT v_deleted;
END;
$$;
