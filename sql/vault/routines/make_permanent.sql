-- Keeps a token for good because the payment it was given to succeeded. Verdict: `permanent`, `not_found` or `used` (by
-- another payment). Safe to repeat.
CREATE OR REPLACE FUNCTION vault.make_permanent(
    p_merchant_id text, p_token_id text, p_payment_id text, p_actor text, p_request_id text
)
RETURNS TABLE (verdict text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_card vault.card%ROWTYPE;
BEGIN
    SELECT * INTO v_card FROM vault.card WHERE token_id = p_token_id AND merchant_id = p_merchant_id FOR UPDATE;
    verdict := CASE
        WHEN v_card.token_id IS NULL THEN 'not_found'
        WHEN v_card.usage = 'permanent' THEN 'permanent'
        WHEN v_card.payment_id = left(p_payment_id, 64) THEN 'keep'
        ELSE 'used'
    END;
    IF verdict = 'keep' THEN
        UPDATE vault.card SET usage = 'permanent', expires_at = NULL WHERE token_id = p_token_id;
        PERFORM vault.append_audit(
            'make_permanent', 'done', p_actor, p_request_id, p_merchant_id, p_token_id, p_payment_id, ''
        );
        verdict := 'permanent';
    END IF;
    RETURN NEXT;
END;
$$;
