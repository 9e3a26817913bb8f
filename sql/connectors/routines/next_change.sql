-- Numbers a change. Whoever changes anything comes through here first and waits for those before.
CREATE OR REPLACE FUNCTION connectors.next_change() RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
    UPDATE connectors.account_change SET version = version + 1 RETURNING version
$$;
