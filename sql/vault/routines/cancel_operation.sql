-- Takes an operation back for good, by whoever requested it, approved it or began it. The private half of an import's key
-- goes; cards that were given or taken stay where they are. Verdict: `cancelled` (again without effect), `not_found`,
-- `not_involved`, `finished`, `expired` or `lapsed`.
CREATE OR REPLACE FUNCTION vault.cancel_operation(p_operation_id text, p_actor text, p_request_id text)
RETURNS TABLE (verdict text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_operation vault.controlled_operation%ROWTYPE;
BEGIN
    -- Whoever goes on with it has this lock too: afterwards nobody does.
    SELECT * INTO v_operation FROM vault.controlled_operation WHERE operation_id = p_operation_id FOR UPDATE;
    verdict := CASE
        WHEN v_operation.operation_id IS NULL THEN 'not_found'
        WHEN p_actor NOT IN (v_operation.requested_by, coalesce(v_operation.begun_by, '')) AND NOT EXISTS (
            SELECT 1 FROM vault.approval AS given WHERE given.operation_id = p_operation_id AND given.approver = p_actor
        ) THEN 'not_involved'
        WHEN v_operation.cancelled_by IS NOT NULL THEN 'cancelled'
        WHEN v_operation.finished_at < v_operation.expires_at THEN 'finished'
        WHEN v_operation.expires_at <= now() THEN CASE WHEN v_operation.begun_at IS NULL THEN 'expired' ELSE 'lapsed' END
        ELSE 'cancelled'
    END;
    IF verdict = 'cancelled' AND v_operation.cancelled_by IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF verdict = 'cancelled' THEN
        UPDATE vault.controlled_operation
        SET cancelled_by = p_actor, finished_at = now(), parameters = parameters - 'private_key'
        WHERE operation_id = p_operation_id;
    END IF;
    PERFORM vault.append_audit(
        'cancel_operation', verdict, p_actor, p_request_id, coalesce(v_operation.merchant_id, ''), '', '',
        p_operation_id
    );
    RETURN NEXT;
END;
$$;
