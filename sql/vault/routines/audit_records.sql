-- Reads a chain's records after a sequence number, in their order.
CREATE OR REPLACE FUNCTION vault.audit_records(p_chain integer, p_after bigint, p_limit integer)
RETURNS SETOF vault.audit_record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
    SELECT *
    FROM vault.audit_record AS known
    WHERE known.chain = p_chain AND known.sequence > p_after
    ORDER BY known.sequence
    LIMIT least(p_limit, 10000);
$$;
