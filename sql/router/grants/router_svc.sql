-- The router may call its procedures and nothing else; nobody else may call any of them.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA router FROM PUBLIC;

GRANT USAGE ON SCHEMA router TO router_svc;
GRANT EXECUTE ON FUNCTION router.set_priorities(text, jsonb, text, text) TO router_svc;
GRANT EXECUTE ON FUNCTION router.get_priorities(text) TO router_svc;
