-- Counts an approval of a version, once per key. Refuses with RULESET_NOT_FOUND, or RULESET_OWN_APPROVAL for the key that
-- saved the version.
CREATE OR REPLACE FUNCTION router.approve_ruleset(
    p_merchant_id text, p_version integer, p_key_id text, p_request_id text
)
RETURNS TABLE (view jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
DECLARE
    v_state router.ruleset_state%ROWTYPE := router.lock_ruleset_state(p_merchant_id);
    v_kept router.ruleset_version%ROWTYPE;
BEGIN
    SELECT * INTO v_kept
    FROM router.ruleset_version AS kept
    WHERE kept.merchant_id = p_merchant_id AND kept.version = p_version;
    IF NOT FOUND THEN
        PERFORM router.refuse('RULESET_NOT_FOUND', jsonb_build_object('version', p_version));
    END IF;
    IF v_kept.created_by = left(p_key_id, 64) THEN
        PERFORM router.refuse('RULESET_OWN_APPROVAL', jsonb_build_object('version', p_version));
    END IF;
    IF NOT EXISTS (
        SELECT 1
        FROM router.ruleset_change AS known
        WHERE known.merchant_id = p_merchant_id AND known.version = p_version AND known.kind = 'approved'
            AND known.key_id = left(p_key_id, 64)
    ) THEN
        PERFORM router.record_ruleset_change(p_merchant_id, 'approved', p_version, 0, p_key_id, p_request_id);
    END IF;
    RETURN QUERY SELECT router.ruleset_view(v_kept, v_state.active_version, true);
END;
$$;
