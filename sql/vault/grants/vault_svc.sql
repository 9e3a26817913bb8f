-- The vault may call its procedures and nothing else; nobody else may call any of them.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault FROM PUBLIC;

GRANT USAGE ON SCHEMA vault TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.active_data_key(text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.keep_first_data_key(text, text, bytea) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.keep_card(
    text, text, integer, bytea, bytea, text, text, text, integer, integer, bytea, text
) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.describe_token(text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.take_card(text, text, text, text, text, text) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.purge_card_codes(integer) TO vault_svc;
