-- Tells what holds for a merchant; one row, also for a merchant who never had a ruleset. The previous version is the one
-- that was replaced when the active one was activated last; going back to a version is no activation in this.
CREATE OR REPLACE FUNCTION router.routing_state(p_merchant_id text)
RETURNS TABLE (
    active_version integer,
    previous_version integer,
    newest_version integer,
    approval_required boolean,
    waiver_requested_by text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        coalesce(state.active_version, 0),
        coalesce((
            SELECT known.replaced_version
            FROM router.ruleset_change AS known
            WHERE known.merchant_id = p_merchant_id AND known.version = state.active_version
                AND known.kind = 'activated'
            ORDER BY known.change_number DESC
            LIMIT 1
        ), 0),
        coalesce(state.newest_version, 0),
        coalesce(state.approval_required, false),
        CASE WHEN state.waiver_requested_at > now() - interval '1 day' THEN state.waiver_requested_by ELSE '' END
    FROM (VALUES (p_merchant_id)) AS asked (merchant_id)
    LEFT JOIN router.ruleset_state AS state ON state.merchant_id = asked.merchant_id;
END;
$$;
