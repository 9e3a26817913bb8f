-- Destroys a merchant's card at the merchant's wish; tells whether there was one.
CREATE OR REPLACE FUNCTION vault.delete_token(
    p_merchant_id text, p_token_id text, p_actor text, p_request_id text
)
RETURNS TABLE (deleted boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_card vault.card%ROWTYPE;
BEGIN
    SELECT * INTO v_card FROM vault.card WHERE token_id = p_token_id AND merchant_id = p_merchant_id FOR UPDATE;
    deleted := v_card.token_id IS NOT NULL;
    IF deleted THEN
        PERFORM vault.shred_card(p_token_id, v_card.fingerprint_id);
        PERFORM vault.append_audit('delete_token', 'done', p_actor, p_request_id, p_merchant_id, p_token_id, '', '');
    END IF;
    RETURN NEXT;
END;
$$;
