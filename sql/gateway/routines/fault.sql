-- Stops a call that breaks the state machine: a fault of our own code, never of a merchant. Nothing of it is kept.
CREATE OR REPLACE FUNCTION gateway.fault(p_text text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'PY002', MESSAGE = p_text;
END;
$$;
