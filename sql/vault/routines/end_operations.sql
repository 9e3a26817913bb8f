-- Closes up to a number of operations that were begun and whose seven days are over; tells how many. The private half of
-- an import's key goes.
CREATE OR REPLACE FUNCTION vault.end_operations(p_limit integer)
RETURNS TABLE (ended integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_operation vault.controlled_operation%ROWTYPE;
BEGIN
    ended := 0;
    FOR v_operation IN
        SELECT kept.*
        FROM vault.controlled_operation AS kept
        WHERE kept.begun_at IS NOT NULL AND kept.finished_at IS NULL AND kept.expires_at <= now()
        ORDER BY kept.operation_id
        LIMIT least(p_limit, 1000)
        FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE vault.controlled_operation SET finished_at = now(), parameters = parameters - 'private_key'
        WHERE operation_id = v_operation.operation_id;
        PERFORM vault.append_audit(
            v_operation.kind, 'lapsed', 'vault_svc', '', v_operation.merchant_id, '', '', v_operation.operation_id
        );
        ended := ended + 1;
    END LOOP;
    RETURN NEXT;
END;
$$;
