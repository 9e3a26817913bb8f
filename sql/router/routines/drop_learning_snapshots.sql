-- Deletes all snapshots of what routers have learnt and gives how many there were: a router that starts afterwards learns from
-- the topic's beginning. For operators; routers that run go on with what they know, and keep it again within a minute.
CREATE OR REPLACE FUNCTION router.drop_learning_snapshots()
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = router, pg_temp
AS $$
DECLARE
    v_count bigint;
BEGIN
    DELETE FROM router.learning_snapshot;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END;
$$;
