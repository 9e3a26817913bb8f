-- A capture, void or refund by its id alone, for our own processes; null when there is none.
CREATE OR REPLACE FUNCTION gateway.find_modification(p_modification_id text, OUT modification jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    m gateway.modification;
BEGIN
    SELECT * INTO m FROM gateway.modification AS x WHERE x.id = p_modification_id;
    IF FOUND THEN
        modification := gateway.modification_view(m);
    END IF;
END;
$$;
