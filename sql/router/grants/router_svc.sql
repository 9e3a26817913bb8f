-- The router may call its procedures and nothing else; nobody else may call any of them.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA router FROM PUBLIC;

GRANT USAGE ON SCHEMA router TO router_svc;
GRANT EXECUTE ON FUNCTION router.set_priorities(text, jsonb, text, text) TO router_svc;
GRANT EXECUTE ON FUNCTION router.get_priorities(text) TO router_svc;
GRANT EXECUTE ON FUNCTION router.add_learning_snapshot(text, bytea, integer) TO router_svc;
GRANT EXECUTE ON FUNCTION router.newest_learning_snapshot(text, bigint) TO router_svc;
GRANT EXECUTE ON FUNCTION router.create_ruleset(text, jsonb, text, text, text) TO router_svc;
GRANT EXECUTE ON FUNCTION router.get_ruleset(text, integer) TO router_svc;
GRANT EXECUTE ON FUNCTION router.list_rulesets(text, integer, integer) TO router_svc;
GRANT EXECUTE ON FUNCTION router.routing_state(text) TO router_svc;
GRANT EXECUTE ON FUNCTION router.approve_ruleset(text, integer, text, text) TO router_svc;
GRANT EXECUTE ON FUNCTION router.activate_ruleset(text, integer, integer, boolean, text, text) TO router_svc;
GRANT EXECUTE ON FUNCTION router.require_ruleset_approval(text, boolean, text, text) TO router_svc;
GRANT EXECUTE ON FUNCTION router.list_ruleset_changes(text, integer, integer) TO router_svc;
