-- Lets a version of a merchant's ruleset decide from now on, in place of the one that the caller has seen active; 0 stands
-- for none. A version that is active already stays so. Refuses with RULESET_NOT_FOUND; with RULESET_CONFLICT when another
-- version is active than expected; with RULESET_NOT_APPROVED when the merchant asks for approvals and there is none. Going
-- back needs no approval, and takes only versions that were active before: else it refuses with RULESET_NEVER_ACTIVE.
CREATE OR REPLACE FUNCTION router.activate_ruleset(
    p_merchant_id text,
    p_version integer,
    p_expected_version integer,
    p_rolling_back boolean,
    p_key_id text,
    p_request_id text
)
RETURNS TABLE (activated boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
DECLARE
    v_state router.ruleset_state%ROWTYPE := router.lock_ruleset_state(p_merchant_id);
    v_active integer := coalesce(v_state.active_version, 0);
    v_kinds text [];
BEGIN
    SELECT array_agg(known.kind) INTO v_kinds
    FROM router.ruleset_change AS known
    WHERE known.merchant_id = p_merchant_id AND known.version = p_version;

    -- A version has been there since it was created, and that stands here too.
    IF NOT coalesce('created' = ANY (v_kinds), false) AND NOT (p_version = 0 AND p_rolling_back) THEN
        PERFORM router.refuse('RULESET_NOT_FOUND', jsonb_build_object('version', p_version));
    END IF;
    IF v_active = p_version THEN
        RETURN QUERY SELECT false;
        RETURN;
    END IF;
    IF v_active <> p_expected_version THEN
        PERFORM router.refuse(
            'RULESET_CONFLICT',
            jsonb_build_object('active_version', v_active, 'expected_version', p_expected_version)
        );
    END IF;
    IF p_rolling_back THEN
        IF p_version <> 0 AND NOT 'activated' = ANY (v_kinds) THEN
            PERFORM router.refuse('RULESET_NEVER_ACTIVE', jsonb_build_object('version', p_version));
        END IF;
    ELSIF v_state.approval_required AND NOT 'approved' = ANY (v_kinds) THEN
        PERFORM router.refuse('RULESET_NOT_APPROVED', jsonb_build_object('version', p_version));
    END IF;

    UPDATE router.ruleset_state SET active_version = nullif(p_version, 0) WHERE merchant_id = p_merchant_id;
    PERFORM router.record_ruleset_change(
        p_merchant_id,
        CASE WHEN p_rolling_back THEN 'rolled_back' ELSE 'activated' END,
        p_version,
        v_active,
        p_key_id,
        p_request_id
    );
    RETURN QUERY SELECT true;
END;
$$;
