-- Refuses the call: nothing of it is kept. p_reason is a name of the error catalogue, p_metadata fills its message.
CREATE OR REPLACE FUNCTION router.refuse(p_reason text, p_metadata jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'PY001', MESSAGE = p_reason, DETAIL = p_metadata::text;
END;
$$;
