-- Closes an operation that was begun and is not over, with what came of it. The private half of an import's key goes.
CREATE OR REPLACE FUNCTION vault.finish_operation(
    p_operation_id text, p_actor text, p_request_id text, p_detail text
)
RETURNS TABLE (finished boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_operation vault.controlled_operation%ROWTYPE;
BEGIN
    UPDATE vault.controlled_operation SET finished_at = now(), parameters = parameters - 'private_key'
    WHERE operation_id = p_operation_id AND begun_by = p_actor AND finished_at IS NULL AND expires_at > now()
    RETURNING * INTO v_operation;
    finished := FOUND;
    IF finished THEN
        PERFORM vault.append_audit(
            v_operation.kind, 'done', p_actor, p_request_id, v_operation.merchant_id, '', '',
            p_operation_id || ' ' || p_detail
        );
    END IF;
    RETURN NEXT;
END;
$$;
