-- Gives the newest snapshot of a layout that is older than the snapshot p_before, the newest of all where that is null; no row
-- when there is none.
CREATE OR REPLACE FUNCTION router.newest_learning_snapshot(p_layout text, p_before bigint)
RETURNS TABLE (id bigint, state bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT snapshot.id, snapshot.state
    FROM router.learning_snapshot AS snapshot
    WHERE snapshot.layout = p_layout AND (p_before IS NULL OR snapshot.id < p_before)
    ORDER BY snapshot.id DESC
    LIMIT 1;
END;
$$;
