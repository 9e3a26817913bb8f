-- Makes a new version of a merchant's priority list and lets it decide from now on; earlier versions are kept.
CREATE OR REPLACE FUNCTION router.set_priorities(
    p_merchant_id text, p_priorities jsonb, p_set_by text, p_request_id text
)
RETURNS TABLE (list_version bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_version bigint;
BEGIN
    -- The row lock orders lists that are set at once, so that versions have neither gaps nor doubles.
    INSERT INTO router.current_priority_list AS current_list (merchant_id, list_version)
    VALUES (p_merchant_id, 1)
    ON CONFLICT (merchant_id) DO UPDATE SET list_version = current_list.list_version + 1
    RETURNING current_list.list_version INTO v_version;

    INSERT INTO router.priority_list (merchant_id, list_version, priorities, set_by, request_id)
    VALUES (p_merchant_id, v_version, p_priorities, left(p_set_by, 64), left(p_request_id, 128));

    RETURN QUERY SELECT v_version;
END;
$$;
