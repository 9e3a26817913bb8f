-- The connectors may call their procedures and nothing else; nobody else may call any of them.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA connectors FROM PUBLIC;

GRANT USAGE ON SCHEMA connectors TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.create_account(
    text, text, text, jsonb, bytea, text, text [], text
) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.configure_account(text, integer, jsonb, text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.set_credentials(
    text, integer, bytea, text, text [], text, text
) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.set_disabled(text, boolean, text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.get_account(text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.list_accounts(integer, text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.account_version() TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.load_accounts() TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.create_webhook_secret(text, text, bytea, text, integer, text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.list_webhook_secrets(text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.retire_webhook_secret(text, text, text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.keep_webhook(
    text, text, jsonb, bytea, text, integer, jsonb
) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.take_unverified_webhooks(integer, integer) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.record_verification(
    text, integer, text, integer, jsonb, text, integer
) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.take_webhook_events(integer, integer) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.record_delivery(
    text, text, integer, text, text, text, text, integer
) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.list_webhooks(text, text, integer, text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.get_webhook(text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.replay_webhook(text) TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.webhook_backlog() TO psp_connectors;
GRANT EXECUTE ON FUNCTION connectors.purge_webhooks(integer) TO psp_connectors;
