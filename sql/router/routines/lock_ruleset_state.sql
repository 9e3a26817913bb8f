-- Gives what holds for a merchant, and keeps others from changing it until the end of the transaction.
CREATE OR REPLACE FUNCTION router.lock_ruleset_state(p_merchant_id text) RETURNS router.ruleset_state
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_state router.ruleset_state%ROWTYPE;
BEGIN
    INSERT INTO router.ruleset_state (merchant_id) VALUES (p_merchant_id) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT v_state FROM router.ruleset_state WHERE merchant_id = p_merchant_id FOR UPDATE;
    RETURN v_state;
END;
$$;
