-- Asks for approvals of a merchant's versions from now on. Asking no more needs two keys within a day: the first one's wish
-- is kept, the second one's carries it out. What holds already stays as it is, and is not written down.
CREATE OR REPLACE FUNCTION router.require_ruleset_approval(
    p_merchant_id text, p_required boolean, p_key_id text, p_request_id text
)
RETURNS TABLE (changed boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
DECLARE
    v_state router.ruleset_state%ROWTYPE := router.lock_ruleset_state(p_merchant_id);
    v_key_id text := left(p_key_id, 64);
    v_wished_by text := CASE
        WHEN v_state.waiver_requested_at > now() - interval '1 day' THEN v_state.waiver_requested_by
    END;
    v_kind text := CASE
        WHEN p_required AND (NOT v_state.approval_required OR v_wished_by IS NOT NULL) THEN 'approval_required'
        WHEN p_required OR NOT v_state.approval_required OR v_wished_by = v_key_id THEN NULL
        WHEN v_wished_by IS NULL THEN 'approval_waiver_requested'
        ELSE 'approval_waived'
    END;
BEGIN
    IF v_kind IS NOT NULL THEN
        UPDATE router.ruleset_state
        SET
            approval_required = v_kind <> 'approval_waived',
            waiver_requested_by = CASE v_kind WHEN 'approval_waiver_requested' THEN v_key_id END,
            waiver_requested_at = CASE v_kind WHEN 'approval_waiver_requested' THEN now() END
        WHERE merchant_id = p_merchant_id;
        PERFORM router.record_ruleset_change(p_merchant_id, v_kind, 0, 0, p_key_id, p_request_id);
    END IF;
    RETURN QUERY SELECT v_kind IS NOT NULL;
END;
$$;
