-- Destroys one data key of a merchant with everything under it, as two people approved. Verdict: `destroyed`, or why not:
-- `active` (the operation stays open: give the merchant another key first), `just_retired` (it stays open too: in a minute
-- the key can be destroyed), `key_not_found` (none, or destroyed already) or what vault.enter_operation says.
CREATE OR REPLACE FUNCTION vault.destroy_data_key(p_operation_id text, p_actor text, p_request_id text)
RETURNS TABLE (verdict text, cards bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_operation vault.controlled_operation%ROWTYPE;
    v_version integer;
    v_key vault.data_key%ROWTYPE;
BEGIN
    SELECT * INTO v_operation FROM vault.controlled_operation WHERE operation_id = p_operation_id;
    v_version := (v_operation.parameters ->> 'key_version')::integer;
    SELECT begun.verdict INTO verdict FROM vault.enter_operation(p_operation_id, 'destroy_data_key', p_actor) AS begun;
    IF verdict = 'begun' THEN
        SELECT * INTO v_key FROM vault.data_key
        WHERE merchant_id = v_operation.merchant_id AND key_version = v_version FOR UPDATE;
        verdict := CASE
            WHEN v_key.state = 'active' THEN 'active'
            -- Whoever saw the key active may be keeping a card under it still, and vault.keep_card checks no key again:
            -- it would be lost with the key. A rotation's call takes half a minute at most, the vault's five seconds.
            WHEN v_key.state = 'decrypt_only' AND v_key.state_changed_at > now() - interval '1 minute' THEN 'just_retired'
            WHEN v_key.state = 'decrypt_only' THEN 'destroyed'
            ELSE 'key_not_found'
        END;
    END IF;
    IF verdict = 'destroyed' THEN
        UPDATE vault.data_key SET state = 'destroyed', wrapped_key = NULL, state_changed_at = now()
        WHERE merchant_id = v_operation.merchant_id AND key_version = v_version;
    END IF;
    IF verdict IN ('destroyed', 'key_not_found') THEN
        UPDATE vault.controlled_operation SET finished_at = now() WHERE operation_id = p_operation_id;
    END IF;
    SELECT count(*) INTO cards FROM vault.card
    WHERE merchant_id = v_operation.merchant_id AND key_version = v_version;
    PERFORM vault.append_audit(
        'destroy_data_key', verdict, p_actor, p_request_id, coalesce(v_operation.merchant_id, ''), '', '',
        p_operation_id || ' version ' || coalesce(v_version::text, '')
    );
    RETURN NEXT;
END;
$$;
