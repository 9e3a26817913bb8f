-- A change as it leaves the database.
CREATE OR REPLACE FUNCTION router.ruleset_change_view(p_change router.ruleset_change) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'number', p_change.change_number,
        'kind', p_change.kind,
        'version', p_change.version,
        'replaced_version', p_change.replaced_version,
        'key_id', p_change.key_id,
        'request_id', p_change.request_id,
        'at', p_change.changed_at
    )
$$;
