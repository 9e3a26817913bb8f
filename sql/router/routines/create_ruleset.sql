-- Keeps a new version of a merchant's ruleset. What the same key has saved last is not kept again: a call that is repeated,
-- as its answer was lost, gives the version that it made. Refuses with RULESET_LIMIT.
CREATE OR REPLACE FUNCTION router.create_ruleset(
    p_merchant_id text, p_ruleset jsonb, p_note text, p_key_id text, p_request_id text
)
RETURNS TABLE (view jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
DECLARE
    c_versions_max CONSTANT integer := 10000;
    v_state router.ruleset_state%ROWTYPE := router.lock_ruleset_state(p_merchant_id);
    v_kept router.ruleset_version%ROWTYPE;
BEGIN
    SELECT * INTO v_kept
    FROM router.ruleset_version AS newest
    WHERE newest.merchant_id = p_merchant_id AND newest.version = v_state.newest_version
        AND newest.ruleset = p_ruleset AND newest.note = p_note AND newest.created_by = p_key_id;

    IF NOT FOUND THEN
        IF v_state.newest_version >= c_versions_max THEN
            PERFORM router.refuse('RULESET_LIMIT', jsonb_build_object('limit', c_versions_max));
        END IF;
        INSERT INTO router.ruleset_version (merchant_id, version, ruleset, note, created_by, request_id)
        VALUES (
            p_merchant_id, v_state.newest_version + 1, p_ruleset, p_note, left(p_key_id, 64), left(p_request_id, 128)
        )
        RETURNING * INTO v_kept;
        UPDATE router.ruleset_state SET newest_version = v_kept.version WHERE merchant_id = p_merchant_id;
        PERFORM router.record_ruleset_change(p_merchant_id, 'created', v_kept.version, 0, p_key_id, p_request_id);
    END IF;

    RETURN QUERY SELECT router.ruleset_view(v_kept, v_state.active_version, true);
END;
$$;
