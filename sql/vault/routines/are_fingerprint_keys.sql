-- Tells whether these are all fingerprint keys in use, the active one first.
CREATE OR REPLACE FUNCTION vault.are_fingerprint_keys(p_key_ids text [])
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
    SELECT coalesce(
        (
            SELECT array_agg(known.key_id ORDER BY known.state)
            FROM vault.fingerprint_key AS known
            WHERE known.state <> 'destroyed'
        ) = p_key_ids,
        false
    );
$$;
