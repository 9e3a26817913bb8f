-- Takes an attempt or modification out of the operators' queue; nothing happens when it is not in it.
CREATE OR REPLACE FUNCTION gateway.close_review(p_reference text, p_now timestamptz) RETURNS void
LANGUAGE sql
AS $$
    UPDATE gateway.review AS r
    SET version = r.version + 1, closed_at = p_now
    WHERE r.reference = p_reference AND r.closed_at IS NULL
$$;
