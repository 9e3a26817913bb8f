-- Lets the active fingerprint key know a card's number, as vault.recognise_card does. A card that has a fingerprint id
-- keeps it; one without gets the one its number has under any of the keys, else the new one. Verdict: `added`, `gone` (the
-- card) or `key_retired` (these are not the keys in use).
CREATE OR REPLACE FUNCTION vault.add_fingerprint(
    p_token_id text, p_key_ids text [], p_fingerprints bytea [], p_new_fingerprint_id text
)
RETURNS TABLE (verdict text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_card vault.card%ROWTYPE;
    v_id text;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('vault.fingerprint_key', 0));
    IF NOT vault.are_fingerprint_keys(p_key_ids) THEN
        RETURN QUERY SELECT 'key_retired'::text;
        RETURN;
    END IF;
    SELECT * INTO v_card FROM vault.card WHERE token_id = p_token_id FOR UPDATE;
    verdict := CASE WHEN v_card.token_id IS NULL THEN 'gone' ELSE 'added' END;
    IF verdict = 'added' THEN
        v_id := vault.recognise_card(
            v_card.merchant_id, p_key_ids, p_fingerprints, coalesce(v_card.fingerprint_id, p_new_fingerprint_id)
        );
        IF v_card.fingerprint_id IS DISTINCT FROM v_id THEN
            UPDATE vault.card SET fingerprint_id = v_id, fingerprint = NULL, fingerprint_key_id = NULL
            WHERE token_id = p_token_id;
        END IF;
    END IF;
    RETURN NEXT;
END;
$$;
