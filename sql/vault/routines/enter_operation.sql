-- Begins an operation that two people approved, or goes on with one that the same person began; `is_new` tells which.
-- What is begun ends seven days later, so that an approval is no lasting right. Verdict: `begun`, `not_found`,
-- `not_approved`, `expired` (not begun in time), `lapsed` (begun, and over since), `cancelled`, `finished` or
-- `begun_by_another`. The audit is the caller's.
CREATE OR REPLACE FUNCTION vault.enter_operation(p_operation_id text, p_kind text, p_actor text)
RETURNS TABLE (verdict text, merchant_id text, parameters jsonb, is_new boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_operation vault.controlled_operation%ROWTYPE;
    v_approvers bigint;
BEGIN
    SELECT * INTO v_operation FROM vault.controlled_operation
    WHERE operation_id = p_operation_id AND kind = p_kind FOR UPDATE;
    SELECT count(*) INTO v_approvers FROM vault.approval WHERE operation_id = p_operation_id;
    verdict := CASE
        WHEN v_operation.operation_id IS NULL THEN 'not_found'
        WHEN v_operation.cancelled_by IS NOT NULL THEN 'cancelled'
        -- Nothing is finished after its end, see vault.finish_operation and vault.end_operations.
        WHEN v_operation.finished_at < v_operation.expires_at THEN 'finished'
        WHEN v_operation.begun_by <> p_actor THEN 'begun_by_another'
        WHEN v_approvers < 2 THEN 'not_approved'
        WHEN v_operation.expires_at <= now() THEN CASE WHEN v_operation.begun_at IS NULL THEN 'expired' ELSE 'lapsed' END
        ELSE 'begun'
    END;
    merchant_id := v_operation.merchant_id;
    parameters := v_operation.parameters;
    is_new := verdict = 'begun' AND v_operation.begun_at IS NULL;
    IF is_new THEN
        UPDATE vault.controlled_operation
        SET begun_by = p_actor, begun_at = now(), expires_at = now() + interval '7 days'
        WHERE operation_id = p_operation_id;
    END IF;
    RETURN NEXT;
END;
$$;
