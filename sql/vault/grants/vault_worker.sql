-- The worker rotates keys and publishes the heads of the audit; it sees neither what may be shown of a card nor codes.
GRANT EXECUTE ON FUNCTION vault.merchants_to_rotate(text, timestamptz, text, integer) TO vault_worker;
GRANT EXECUTE ON FUNCTION vault.cards_to_reseal(text, text, integer) TO vault_worker;
GRANT EXECUTE ON FUNCTION vault.destroy_idle_data_keys(text, integer, text) TO vault_worker;
GRANT EXECUTE ON FUNCTION vault.keys_to_rewrap(text, text, integer, integer) TO vault_worker;
GRANT EXECUTE ON FUNCTION vault.rewrap_key(text, integer, text, text, bytea, text, bytea, text) TO vault_worker;
GRANT EXECUTE ON FUNCTION vault.cards_to_fingerprint(text, text, integer) TO vault_worker;
GRANT EXECUTE ON FUNCTION vault.add_fingerprint(text, text [], bytea [], text) TO vault_worker;
GRANT EXECUTE ON FUNCTION vault.finish_fingerprint_rotation(text, integer, text) TO vault_worker;
GRANT EXECUTE ON FUNCTION vault.forget_fingerprints(integer) TO vault_worker;
GRANT EXECUTE ON FUNCTION vault.audit_heads() TO vault_worker;
