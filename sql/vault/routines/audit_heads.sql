-- Gives the newest sequence number and hash of every chain.
CREATE OR REPLACE FUNCTION vault.audit_heads()
RETURNS TABLE (chain integer, sequence bigint, hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
    SELECT known.chain, known.sequence, known.hash FROM vault.audit_chain AS known ORDER BY known.chain;
$$;
