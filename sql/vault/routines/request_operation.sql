-- Asks for something that needs two approvers. It is good for a day.
CREATE OR REPLACE FUNCTION vault.request_operation(
    p_operation_id text, p_kind text, p_merchant_id text, p_parameters jsonb, p_actor text, p_request_id text
)
RETURNS TABLE (requested_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO vault.controlled_operation AS kept (
        operation_id, kind, merchant_id, parameters, requested_by, expires_at
    )
    VALUES (p_operation_id, p_kind, p_merchant_id, p_parameters, p_actor, now() + interval '1 day')
    RETURNING kept.requested_at, kept.expires_at INTO requested_at, expires_at;
    PERFORM vault.append_audit(
        'request_operation', 'done', p_actor, p_request_id, p_merchant_id, '', '', p_operation_id || ' ' || p_kind
    );
    RETURN NEXT;
END;
$$;
