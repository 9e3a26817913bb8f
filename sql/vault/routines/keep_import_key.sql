-- Begins an approved import and keeps the key that its cards are encrypted for, once: of two that come at once both get
-- the first. The private half is sealed by the caller and goes when the operation is finished. Verdict: `begun`, or why
-- not, as vault.begin_operation says.
CREATE OR REPLACE FUNCTION vault.keep_import_key(
    p_operation_id text,
    p_actor text,
    p_request_id text,
    p_public_key jsonb,
    p_public_key_digest text,
    p_sealed_private_key jsonb
)
RETURNS TABLE (verdict text, parameters jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_begun record;
BEGIN
    SELECT * INTO v_begun FROM vault.begin_operation(p_operation_id, 'import_cards', p_actor, p_request_id);
    verdict := v_begun.verdict;
    parameters := v_begun.parameters;
    IF verdict = 'begun' AND NOT keep_import_key.parameters ? 'public_key' THEN
        UPDATE vault.controlled_operation AS kept
        SET parameters = kept.parameters || jsonb_build_object(
            'public_key', p_public_key,
            'public_key_digest', p_public_key_digest,
            'private_key', p_sealed_private_key
        )
        WHERE kept.operation_id = p_operation_id
        RETURNING kept.parameters INTO parameters;
        PERFORM vault.append_audit(
            'create_import_key', 'done', p_actor, p_request_id, v_begun.merchant_id, '', '',
            p_operation_id || ' ' || p_public_key_digest
        );
    END IF;
    RETURN NEXT;
END;
$$;
