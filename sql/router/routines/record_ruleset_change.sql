-- Writes down who did what with a merchant's rulesets. The caller holds the lock on the merchant's state.
CREATE OR REPLACE FUNCTION router.record_ruleset_change(
    p_merchant_id text, p_kind text, p_version integer, p_replaced_version integer, p_key_id text, p_request_id text
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_number integer;
BEGIN
    UPDATE router.ruleset_state SET newest_change = newest_change + 1 WHERE merchant_id = p_merchant_id
    RETURNING newest_change INTO STRICT v_number;

    INSERT INTO router.ruleset_change (
        merchant_id, change_number, kind, version, replaced_version, key_id, request_id
    )
    VALUES (
        p_merchant_id, v_number, p_kind, p_version, p_replaced_version, left(p_key_id, 64), left(p_request_id, 128)
    );
END;
$$;
