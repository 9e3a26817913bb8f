-- Approves an operation, once per approver. Verdict: `approved`, `not_found`, `cancelled`, `expired` or `begun`.
CREATE OR REPLACE FUNCTION vault.approve_operation(p_operation_id text, p_actor text, p_request_id text)
RETURNS TABLE (verdict text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_operation vault.controlled_operation%ROWTYPE;
BEGIN
    SELECT * INTO v_operation FROM vault.controlled_operation WHERE operation_id = p_operation_id FOR UPDATE;
    verdict := CASE
        WHEN v_operation.operation_id IS NULL THEN 'not_found'
        WHEN v_operation.cancelled_by IS NOT NULL THEN 'cancelled'
        WHEN v_operation.begun_at IS NOT NULL THEN 'begun'
        WHEN v_operation.expires_at <= now() THEN 'expired'
        ELSE 'approved'
    END;
    IF verdict = 'approved' THEN
        INSERT INTO vault.approval (operation_id, approver) VALUES (p_operation_id, p_actor) ON CONFLICT DO NOTHING;
    END IF;
    PERFORM vault.append_audit(
        'approve_operation', verdict, p_actor, p_request_id, coalesce(v_operation.merchant_id, ''), '', '',
        p_operation_id
    );
    RETURN NEXT;
END;
$$;
