-- The vault and its worker may call their procedures and nothing else; nobody else may call any of them.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault FROM PUBLIC;

GRANT USAGE ON SCHEMA vault TO vault_svc, vault_worker, vault_auditor;
GRANT EXECUTE ON FUNCTION vault.active_data_key(text) TO vault_svc, vault_worker;
GRANT EXECUTE ON FUNCTION vault.keep_data_key(text, integer, text, bytea, text) TO vault_svc, vault_worker;
GRANT EXECUTE ON FUNCTION vault.fingerprint_keys() TO vault_svc, vault_worker;
GRANT EXECUTE ON FUNCTION vault.keep_fingerprint_key(text, text, text, bytea, text) TO vault_svc, vault_worker;
GRANT EXECUTE ON FUNCTION vault.keep_card(
    text, text, integer, bytea, bytea, bytea, text, text, text, integer, integer, text [], text, text, text, integer,
    text, text [], bytea [], text, text
) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.describe_token(text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.list_tokens(text, text, integer, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.take_cards(text [], text [], text [], text [], text [], text []) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.load_card(text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.reseal_card(
    text, text, integer, integer, bytea, bytea, integer, integer, text, text
) TO vault_svc, vault_worker;
GRANT EXECUTE ON FUNCTION vault.make_permanent(text, text, text, text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.delete_token(text, text, text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.purge_card_codes(integer) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.purge_expired_tokens(integer) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.key_inventory(text, integer) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.key_encryption_keys() TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.request_operation(text, text, text, jsonb, text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.approve_operation(text, text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.begin_operation(text, text, text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.finish_operation(text, text, text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.cancel_operation(text, text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.end_operations(integer) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.list_operations(text, integer, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.destroy_data_key(text, text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.cards_to_export(text, text, text, text, integer) TO vault_svc;
