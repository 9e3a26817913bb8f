-- Deletes events that Kafka has; tells how many were there.
CREATE OR REPLACE FUNCTION gateway.outbox_delete(p_positions bigint[], OUT deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    DELETE FROM gateway.outbox AS o WHERE o.position = ANY (p_positions);
    GET DIAGNOSTICS deleted = ROW_COUNT;
END;
$$;
