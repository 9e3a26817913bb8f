-- Gives the lasting fingerprint id of a card number: the one it has under any of the keys, else the new one. Afterwards
-- the first key, the active one, knows the number too, and stays to know it until the transaction ends.
CREATE OR REPLACE FUNCTION vault.recognise_card(
    p_merchant_id text, p_key_ids text [], p_fingerprints bytea [], p_new_fingerprint_id text
)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
DECLARE
    v_id text;
BEGIN
    FOR turn IN 1..100 LOOP
        -- Who shreds the last card of the number waits until this one is kept.
        SELECT known.fingerprint_id INTO v_id
        FROM vault.fingerprint AS known
        WHERE known.merchant_id = p_merchant_id AND known.key_id = p_key_ids[1]
            AND known.fingerprint = p_fingerprints[1]
        FOR SHARE;
        IF FOUND THEN
            RETURN v_id;
        END IF;
        -- Of two cards with one number at once, the second waits here and finds the first one's id. No index is named:
        -- the number that they have in common may have its id from another key, and then that is in common too.
        INSERT INTO vault.fingerprint (merchant_id, key_id, fingerprint, fingerprint_id)
        SELECT
            p_merchant_id, p_key_ids[1], p_fingerprints[1],
            coalesce(
                (
                    SELECT known.fingerprint_id
                    FROM unnest(p_key_ids, p_fingerprints) AS given (key_id, fingerprint)
                    INNER JOIN vault.fingerprint AS known
                        ON known.merchant_id = p_merchant_id
                        AND known.key_id = given.key_id
                        AND known.fingerprint = given.fingerprint
                    LIMIT 1
                ),
                p_new_fingerprint_id
            )
        ON CONFLICT DO NOTHING
        RETURNING fingerprint.fingerprint_id INTO v_id;
        IF FOUND THEN
            RETURN v_id;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'a card number comes and goes all the time' USING ERRCODE = 'serialization_failure';
END;
$$;
