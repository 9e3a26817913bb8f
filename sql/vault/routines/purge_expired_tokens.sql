-- Destroys up to a number of single-use cards whose time is over, oldest first; tells how many. Those that a payment has
-- stay a day longer, until it is surely brought to its end.
CREATE OR REPLACE FUNCTION vault.purge_expired_tokens(p_limit integer)
RETURNS TABLE (deleted integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_cards vault.card[];
    v_card vault.card%ROWTYPE;
BEGIN
    -- In the order of their fingerprints, which two purges at once lock in the same order then.
    SELECT array_agg(expired ORDER BY expired.fingerprint_id) INTO v_cards
    FROM (
        SELECT card.*
        FROM vault.card AS card
        WHERE card.expires_at <= now() - CASE WHEN card.payment_id IS NULL THEN interval '0' ELSE interval '1 day' END
        ORDER BY card.expires_at
        LIMIT least(p_limit, 1000)
        FOR UPDATE SKIP LOCKED
    ) AS expired;
    deleted := coalesce(cardinality(v_cards), 0);
    FOREACH v_card IN ARRAY coalesce(v_cards, '{}') LOOP
        PERFORM vault.shred_card(v_card.token_id, v_card.fingerprint_id);
    END LOOP;
    FOREACH v_card IN ARRAY coalesce(v_cards, '{}') LOOP
        PERFORM vault.append_audit(
            'delete_token', 'expired', 'vault_svc', '', v_card.merchant_id, v_card.token_id, '', ''
        );
    END LOOP;
    RETURN NEXT;
END;
$$;
