-- Destroys up to a number of single-use cards whose time is over; tells how many. Those that a payment has stay a day
-- longer, until it is surely brought to its end.
CREATE OR REPLACE FUNCTION vault.purge_expired_tokens(p_limit integer)
RETURNS TABLE (deleted integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_cards vault.card[];
    v_unused vault.card[];
    v_card vault.card%ROWTYPE;
BEGIN
    SELECT array_agg(expired) INTO v_cards
    FROM (
        SELECT card.*
        FROM vault.card AS card
        WHERE card.expires_at <= now() - interval '1 day'
        ORDER BY card.expires_at
        LIMIT least(p_limit, 1000)
        FOR UPDATE SKIP LOCKED
    ) AS expired;
    -- Of the last day nearly all have their payment, so that the newest alone are looked at: enough for a minute at any
    -- rate. What a vault that was away for long finds no more among them goes a day later.
    SELECT array_agg(expired) INTO v_unused
    FROM (
        SELECT card.*
        FROM vault.card AS card
        WHERE card.payment_id IS NULL AND card.expires_at <= now() AND card.token_id IN (
            SELECT recent.token_id
            FROM (
                SELECT newest.token_id, newest.payment_id
                FROM vault.card AS newest
                WHERE newest.expires_at <= now() AND newest.expires_at > now() - interval '1 day'
                ORDER BY newest.expires_at DESC
                LIMIT 100000
            ) AS recent
            WHERE recent.payment_id IS NULL
        )
        LIMIT least(p_limit, 1000) - coalesce(cardinality(v_cards), 0)
        FOR UPDATE SKIP LOCKED
    ) AS expired;
    -- In the order of their fingerprints, which two purges at once lock in the same order then.
    SELECT array_agg(expired ORDER BY expired.fingerprint_id) INTO v_cards FROM unnest(v_cards || v_unused) AS expired;
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
