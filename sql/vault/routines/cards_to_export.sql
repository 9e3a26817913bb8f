-- Lists a merchant's permanent cards with what opens them, after a token; each page is in the audit.
CREATE OR REPLACE FUNCTION vault.cards_to_export(
    p_operation_id text, p_actor text, p_request_id text, p_after text, p_limit integer
)
RETURNS TABLE (
    verdict text,
    merchant_id text,
    token_id text,
    customer_id text,
    sealed_key bytea,
    sealed_card bytea,
    key_version integer,
    key_encryption_key_id text,
    wrapped_key bytea,
    exp_month integer,
    exp_year integer
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_begun record;
    v_count bigint;
BEGIN
    SELECT * INTO v_begun FROM vault.enter_operation(p_operation_id, 'export_cards', p_actor);
    IF v_begun.verdict = 'begun' THEN
        RETURN QUERY
        SELECT
            'begun'::text, card.merchant_id, card.token_id, card.customer_id, card.sealed_key, card.sealed_card,
            card.key_version, data_key.key_encryption_key_id, data_key.wrapped_key, card.exp_month, card.exp_year
        FROM vault.card AS card
        INNER JOIN vault.data_key AS data_key
            ON data_key.merchant_id = card.merchant_id AND data_key.key_version = card.key_version
        WHERE card.merchant_id = v_begun.merchant_id AND card.usage = 'permanent' AND card.token_id > p_after
            AND data_key.state <> 'destroyed'
        ORDER BY card.token_id
        LIMIT least(p_limit, 1000);
        GET DIAGNOSTICS v_count = ROW_COUNT;
    ELSE
        verdict := v_begun.verdict;
        RETURN NEXT;
    END IF;
    PERFORM vault.append_audit(
        'export_cards', v_begun.verdict, p_actor, p_request_id, coalesce(v_begun.merchant_id, ''), '', '',
        p_operation_id || ' ' || coalesce(v_count, 0) || ' cards after ' || p_after
    );
END;
$$;
