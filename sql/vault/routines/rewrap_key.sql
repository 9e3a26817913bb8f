-- Replaces the wrapped bytes of a key, if they are still the old ones, and records from which key-encryption key to
-- which: those of a fingerprint key when one is named, of an import's key when an operation is, else of a data key.
CREATE OR REPLACE FUNCTION vault.rewrap_key(
    p_merchant_id text,
    p_key_version integer,
    p_fingerprint_key_id text,
    p_operation_id text,
    p_old_wrapped_key bytea,
    p_key_encryption_key_id text,
    p_wrapped_key bytea,
    p_actor text
)
RETURNS TABLE (rewrapped boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_kind text;
    v_name text;
    v_merchant_id text := '';
    v_before text;
BEGIN
    -- The row is locked before it is replaced, so that what is recorded is what was replaced.
    IF p_fingerprint_key_id <> '' THEN
        v_kind := 'fingerprint_key';
        v_name := p_fingerprint_key_id;
        SELECT known.key_encryption_key_id INTO v_before FROM vault.fingerprint_key AS known
        WHERE known.key_id = p_fingerprint_key_id AND known.wrapped_key = p_old_wrapped_key FOR UPDATE;
        rewrapped := FOUND;
        UPDATE vault.fingerprint_key
        SET key_encryption_key_id = p_key_encryption_key_id, wrapped_key = p_wrapped_key
        WHERE rewrapped AND key_id = p_fingerprint_key_id;
    ELSIF p_operation_id <> '' THEN
        v_kind := 'import_key';
        v_name := p_operation_id;
        SELECT kept.merchant_id, kept.parameters -> 'private_key' ->> 'key_encryption_key_id'
        INTO v_merchant_id, v_before FROM vault.controlled_operation AS kept
        WHERE kept.operation_id = p_operation_id AND kept.kind = 'import_cards'
            AND kept.parameters -> 'private_key' ->> 'wrapped_key' = translate(encode(p_old_wrapped_key, 'base64'), E'\n', '')
        FOR UPDATE;
        rewrapped := FOUND;
        -- encode() breaks lines, which the text of a key does not have.
        UPDATE vault.controlled_operation
        SET parameters = jsonb_set(
            parameters, '{private_key}', parameters -> 'private_key' || jsonb_build_object(
                'key_encryption_key_id', p_key_encryption_key_id,
                'wrapped_key', translate(encode(p_wrapped_key, 'base64'), E'\n', '')
            )
        )
        WHERE rewrapped AND operation_id = p_operation_id;
    ELSE
        v_kind := 'data_key';
        v_name := 'version ' || p_key_version;
        v_merchant_id := p_merchant_id;
        SELECT known.key_encryption_key_id INTO v_before FROM vault.data_key AS known
        WHERE known.merchant_id = p_merchant_id AND known.key_version = p_key_version
            AND known.wrapped_key = p_old_wrapped_key FOR UPDATE;
        rewrapped := FOUND;
        UPDATE vault.data_key SET key_encryption_key_id = p_key_encryption_key_id, wrapped_key = p_wrapped_key
        WHERE rewrapped AND merchant_id = p_merchant_id AND key_version = p_key_version;
    END IF;
    IF rewrapped THEN
        PERFORM vault.append_audit(
            'rewrap_' || v_kind, 'done', p_actor, '', v_merchant_id, '', '',
            v_name || ' from ' || v_before || ' to ' || p_key_encryption_key_id
        );
    END IF;
    RETURN NEXT;
END;
$$;
