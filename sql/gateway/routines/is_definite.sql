-- Whether a decline says what became of an operation that others have asked for since, or repeated. Without a reference
-- of the PSP it is a refusal of one request, and as a duplicate it speaks of another request that may have succeeded.
CREATE OR REPLACE FUNCTION gateway.is_definite(p_psp_reference text, p_code text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(p_psp_reference, '') <> '' AND coalesce(p_code, '') <> 'duplicate_transaction'
$$;
