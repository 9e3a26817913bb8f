-- What the vault needs to give a card to a customer beside the calls that vault_svc.sql grants.
GRANT EXECUTE ON FUNCTION vault.assign_customer(text, text, text, text, text) TO vault_svc;
