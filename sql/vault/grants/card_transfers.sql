-- What the vault needs for imports beside the operations that vault_svc.sql grants.
GRANT EXECUTE ON FUNCTION vault.keep_import_key(text, text, text, jsonb, text, jsonb) TO vault_svc;
GRANT EXECUTE ON FUNCTION vault.keep_imported_card(
    text, text, text, text, integer, bytea, bytea, text, text, text, integer, integer, text [], text, text, text, text,
    text [], bytea [], text, text
) TO vault_svc;
