-- Whoever verifies the audit reads it and nothing else.
GRANT EXECUTE ON FUNCTION vault.audit_heads() TO vault_auditor;
GRANT EXECUTE ON FUNCTION vault.audit_records(integer, bigint, integer) TO vault_auditor;
GRANT EXECUTE ON FUNCTION vault.audit_of_token(text, integer, bigint, integer) TO vault_auditor;
