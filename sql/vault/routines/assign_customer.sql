-- Gives a merchant's card to one of the merchant's customers, or to nobody; tells whether there is such a token.
CREATE OR REPLACE FUNCTION vault.assign_customer(
    p_merchant_id text, p_token_id text, p_customer_id text, p_actor text, p_request_id text
)
RETURNS TABLE (assigned boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    UPDATE vault.card SET customer_id = p_customer_id
    WHERE token_id = p_token_id AND merchant_id = p_merchant_id AND (expires_at IS NULL OR expires_at > now());
    assigned := FOUND;
    IF assigned THEN
        PERFORM vault.append_audit(
            'update_token', 'done', p_actor, p_request_id, p_merchant_id, p_token_id, '', 'customer'
        );
    END IF;
    RETURN NEXT;
END;
$$;
