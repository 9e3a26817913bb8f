-- Lists operations that need approvers, newest first, before one (empty: from the newest on); or one by its id.
CREATE OR REPLACE FUNCTION vault.list_operations(p_operation_id text, p_limit integer, p_before text)
RETURNS TABLE (
    operation_id text,
    kind text,
    merchant_id text,
    parameters jsonb,
    requested_by text,
    requested_at timestamptz,
    expires_at timestamptz,
    begun_by text,
    finished_at timestamptz,
    cancelled_by text,
    approvers text []
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        kept.operation_id, kept.kind, kept.merchant_id, kept.parameters, kept.requested_by, kept.requested_at,
        kept.expires_at, kept.begun_by, kept.finished_at, kept.cancelled_by,
        ARRAY(
            SELECT given.approver
            FROM vault.approval AS given
            WHERE given.operation_id = kept.operation_id
            ORDER BY given.approved_at
        )
    FROM vault.controlled_operation AS kept
    WHERE (p_operation_id = '' OR kept.operation_id = p_operation_id)
        AND (p_before = '' OR kept.operation_id < p_before)
    ORDER BY kept.operation_id DESC
    LIMIT least(p_limit, 1001);
END;
$$;
