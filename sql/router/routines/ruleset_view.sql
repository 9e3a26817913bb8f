-- A version as it leaves the database, without its rules; its history, of the newest 100 changes, where it is asked for.
CREATE OR REPLACE FUNCTION router.ruleset_view(
    p_version router.ruleset_version, p_active_version integer, p_with_history boolean
) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'version', p_version.version,
        'state', CASE
            WHEN p_version.version = p_active_version THEN 'active'
            WHEN coalesce(bool_or(known.kind IN ('activated', 'rolled_back')), false) THEN 'retired'
            WHEN coalesce(bool_or(known.kind = 'approved'), false) THEN 'approved'
            ELSE 'draft'
        END,
        'note', p_version.note,
        'rule_count', jsonb_array_length(p_version.ruleset -> 'rules'),
        'created_by', p_version.created_by,
        'created_at', p_version.created_at,
        'approved_by', coalesce(
            jsonb_agg(known.key_id ORDER BY known.change_number) FILTER (WHERE known.kind = 'approved'), '[]'::jsonb
        ),
        'history', CASE WHEN p_with_history THEN (
            SELECT jsonb_agg(router.ruleset_change_view(newest) ORDER BY newest.change_number)
            FROM (
                SELECT *
                FROM router.ruleset_change AS of_version
                WHERE of_version.merchant_id = p_version.merchant_id AND of_version.version = p_version.version
                ORDER BY of_version.change_number DESC
                LIMIT 100
            ) AS newest
        ) ELSE '[]'::jsonb END
    )
    FROM router.ruleset_change AS known
    WHERE known.merchant_id = p_version.merchant_id AND known.version = p_version.version
$$;
