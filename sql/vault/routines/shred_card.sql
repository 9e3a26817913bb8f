-- Destroys a card: its key, what the key opens, its code, and what nothing else of the merchant needs to recognise it.
-- The audit is the caller's: all rows first, the chain last.
CREATE OR REPLACE FUNCTION vault.shred_card(p_token_id text, p_fingerprint_id text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
BEGIN
    DELETE FROM vault.card WHERE token_id = p_token_id;
    -- Locked in a statement of its own: what follows then sees a card that another transaction has just kept.
    PERFORM 1 FROM vault.fingerprint WHERE fingerprint_id = p_fingerprint_id FOR UPDATE;
    DELETE FROM vault.fingerprint AS known
    WHERE known.fingerprint_id = p_fingerprint_id
        AND NOT EXISTS (SELECT 1 FROM vault.card AS other WHERE other.fingerprint_id = p_fingerprint_id);
END;
$$;
