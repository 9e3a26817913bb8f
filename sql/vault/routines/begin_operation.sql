-- Begins an operation or goes on with it, as vault.enter_operation does and says. That it was begun is in the audit once,
-- and so is each time that it was refused.
CREATE OR REPLACE FUNCTION vault.begin_operation(p_operation_id text, p_kind text, p_actor text, p_request_id text)
RETURNS TABLE (verdict text, merchant_id text, parameters jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_entered record;
BEGIN
    SELECT * INTO v_entered FROM vault.enter_operation(p_operation_id, p_kind, p_actor);
    verdict := v_entered.verdict;
    merchant_id := v_entered.merchant_id;
    parameters := v_entered.parameters;
    IF v_entered.is_new OR v_entered.verdict <> 'begun' THEN
        PERFORM vault.append_audit(
            p_kind, v_entered.verdict, p_actor, p_request_id, coalesce(v_entered.merchant_id, ''), '', '',
            p_operation_id
        );
    END IF;
    RETURN NEXT;
END;
$$;
