-- Keeps a snapshot of what a router has learnt, and forgets all but the newest p_kept of its layout and four times as many of
-- all. Several routers may do so at once: a row that another one deletes is left to it.
CREATE OR REPLACE FUNCTION router.add_learning_snapshot(p_layout text, p_state bytea, p_kept integer)
RETURNS TABLE (id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_id bigint;
BEGIN
    INSERT INTO router.learning_snapshot AS added (layout, state) VALUES (p_layout, p_state)
    RETURNING added.id INTO v_id;

    DELETE FROM router.learning_snapshot AS old
    WHERE old.id IN (
        SELECT each.id FROM router.learning_snapshot AS each
        WHERE (each.layout = p_layout AND each.id NOT IN (
            SELECT newest.id FROM router.learning_snapshot AS newest
            WHERE newest.layout = p_layout ORDER BY newest.id DESC LIMIT greatest(p_kept, 1)
        )) OR each.id NOT IN (
            SELECT newest.id FROM router.learning_snapshot AS newest
            ORDER BY newest.id DESC LIMIT 4 * greatest(p_kept, 1)
        )
        FOR UPDATE SKIP LOCKED
    );

    RETURN QUERY SELECT v_id;
END;
$$;
