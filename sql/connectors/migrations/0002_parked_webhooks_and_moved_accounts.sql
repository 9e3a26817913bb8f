-- Parked webhooks are found without looking at the others, and the audit tells where an account was moved to.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX webhook_parked ON connectors.webhook (webhook_id) WHERE state = 'PARKED';

ALTER TABLE connectors.account_audit ADD COLUMN detail text NOT NULL DEFAULT '';
COMMENT ON COLUMN connectors.account_audit.detail IS 'Of a change of the address: the one before and the one after.';
