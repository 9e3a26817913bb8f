-- Reads what is recorded of a token, newest first, before one of its records (sequence 0: from the newest on).
-- A token of a subscription has records without end, so the index has their moments too: a page reads no more than it
-- gives, wherever it begins.
CREATE OR REPLACE FUNCTION vault.audit_of_token(
    p_token_id text, p_before_chain integer, p_before_sequence bigint, p_limit integer
)
RETURNS SETOF vault.audit_record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
DECLARE
    v_before timestamptz := 'infinity';
BEGIN
    IF p_before_sequence > 0 THEN
        -- None of that place: there is nothing before it.
        v_before := (
            SELECT known.recorded_at
            FROM vault.audit_record AS known
            WHERE known.chain = p_before_chain AND known.sequence = p_before_sequence
        );
    END IF;
    -- Records of one moment are told apart by their place; the moment alone is what the index is entered with.
    RETURN QUERY
    SELECT known.*
    FROM vault.audit_record AS known
    WHERE known.token_id = p_token_id AND known.token_id <> '' AND known.recorded_at <= v_before
        AND (
            p_before_sequence = 0
            OR (known.recorded_at, known.chain, known.sequence) < (v_before, p_before_chain, p_before_sequence)
        )
    ORDER BY known.recorded_at DESC, known.chain DESC, known.sequence DESC
    LIMIT least(p_limit, 1000);
END;
$$;
