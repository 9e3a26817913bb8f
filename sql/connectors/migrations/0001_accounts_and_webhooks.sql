-- PSP accounts with sealed credentials, the secrets PSPs sign webhooks with, and the inbox of webhooks.

CREATE TABLE connectors.account_change (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL CHECK (version >= 0)
);
COMMENT ON TABLE connectors.account_change IS 'Number of the last change to any account or secret: its row lock orders changes, so that a reader who has seen one has seen all before it.';
INSERT INTO connectors.account_change (version) VALUES (0);

CREATE TABLE connectors.psp_account (
    name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,63}$'),
    merchant_id text COLLATE "C" CHECK (length(merchant_id) BETWEEN 1 AND 64),
    connector text NOT NULL CHECK (length(connector) BETWEEN 1 AND 64),
    base_url text NOT NULL CHECK (length(base_url) BETWEEN 1 AND 2048),
    settings jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
    sealed_credentials bytea NOT NULL CHECK (octet_length(sealed_credentials) BETWEEN 29 AND 131072),
    credentials_key_id text NOT NULL CHECK (length(credentials_key_id) BETWEEN 1 AND 256),
    credentials_version integer NOT NULL CHECK (credentials_version >= 1),
    credential_names text [] NOT NULL CHECK (cardinality(credential_names) BETWEEN 1 AND 50),
    concurrent_calls integer NOT NULL CHECK (concurrent_calls BETWEEN 1 AND 1000),
    calls_per_second integer NOT NULL CHECK (calls_per_second BETWEEN 0 AND 10000),
    brands text [] NOT NULL CHECK (cardinality(brands) <= 50),
    fee_schedule jsonb CHECK (jsonb_typeof(fee_schedule) = 'object'),
    disabled_at timestamptz,
    version bigint NOT NULL CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN connectors.psp_account.merchant_id IS 'Whose account it is; null for an account of every merchant.';
COMMENT ON COLUMN connectors.psp_account.sealed_credentials IS 'API key and secrets, sealed for this account and credentials_version under a key that is not in the database.';

CREATE TABLE connectors.account_audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT now(),
    account text COLLATE "C" NOT NULL,
    action text NOT NULL CHECK (action IN (
        'created', 'configured', 'credentials_set', 'disabled', 'enabled', 'webhook_secret_added',
        'webhook_secret_retired'
    )),
    changed_by text NOT NULL
);
COMMENT ON TABLE connectors.account_audit IS 'Who changed what of which account. Rows are never changed.';

CREATE INDEX account_audit_account ON connectors.account_audit (account, audit_id);

CREATE FUNCTION connectors.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = connectors, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'rows of %.% are never changed', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END;
$$;

CREATE TRIGGER account_audit_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON connectors.account_audit
FOR EACH STATEMENT EXECUTE FUNCTION connectors.refuse_change();

CREATE TABLE connectors.webhook_secret (
    secret_id text COLLATE "C" PRIMARY KEY CHECK (secret_id ~ '^whs_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
    account text COLLATE "C" NOT NULL REFERENCES connectors.psp_account (name),
    sealed_secret bytea NOT NULL CHECK (octet_length(sealed_secret) BETWEEN 29 AND 8192),
    key_id text NOT NULL CHECK (length(key_id) BETWEEN 1 AND 256),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz
);
COMMENT ON COLUMN connectors.webhook_secret.expires_at IS 'Until when it is valid; null for the current one.';

CREATE INDEX webhook_secret_account ON connectors.webhook_secret (account, created_at);

CREATE TABLE connectors.webhook (
    webhook_id text COLLATE "C" PRIMARY KEY CHECK (webhook_id ~ '^whk_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
    account text COLLATE "C" NOT NULL CHECK (length(account) BETWEEN 1 AND 64),
    received_at timestamptz NOT NULL DEFAULT now(),
    headers jsonb NOT NULL CHECK (jsonb_typeof(headers) = 'object'),
    body bytea NOT NULL CHECK (octet_length(body) <= 1048576),
    body_sha256 bytea NOT NULL CHECK (octet_length(body_sha256) = 32),
    request_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('UNVERIFIED', 'RECEIVED', 'DONE', 'PARKED', 'REFUSED')),
    refused_items integer NOT NULL DEFAULT 0 CHECK (refused_items >= 0),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz,
    give_up_at timestamptz NOT NULL DEFAULT now() + interval '24 hours',
    last_error text NOT NULL DEFAULT '',
    CHECK ((next_attempt_at IS NOT NULL) = (state = 'UNVERIFIED'))
);
COMMENT ON COLUMN connectors.webhook.headers IS 'The headers that its authenticity rests on, as they came.';
COMMENT ON COLUMN connectors.webhook.body IS 'The exact bytes that were signed.';

CREATE INDEX webhook_due ON connectors.webhook (next_attempt_at) WHERE state = 'UNVERIFIED';
CREATE UNIQUE INDEX webhook_unverified ON connectors.webhook (account, body_sha256) WHERE state = 'UNVERIFIED';
CREATE INDEX webhook_account ON connectors.webhook (account, webhook_id);
CREATE INDEX webhook_received ON connectors.webhook (received_at);

CREATE TABLE connectors.webhook_event (
    account text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL CHECK (length(event_id) BETWEEN 1 AND 255),
    webhook_id text COLLATE "C" NOT NULL REFERENCES connectors.webhook (webhook_id) ON DELETE CASCADE,
    position integer NOT NULL CHECK (position >= 0),
    event_type text NOT NULL,
    notification jsonb,
    state text NOT NULL CHECK (state IN ('WAITING', 'DONE', 'PARKED')),
    disposition text NOT NULL DEFAULT ''
    CHECK (disposition IN ('', 'APPLIED', 'KNOWN', 'UNMATCHED', 'REVIEW', 'NOT_AN_OPERATION')),
    payment_id text NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    repetitions integer NOT NULL DEFAULT 0 CHECK (repetitions >= 0),
    next_attempt_at timestamptz,
    give_up_at timestamptz NOT NULL DEFAULT now() + interval '24 hours',
    last_error text NOT NULL DEFAULT '',
    PRIMARY KEY (account, event_id),
    CHECK ((next_attempt_at IS NOT NULL) = (state = 'WAITING')),
    CHECK (notification IS NOT NULL OR state = 'DONE')
);
COMMENT ON COLUMN connectors.webhook_event.notification IS 'What the event says, as it was understood when it came; null when it is not about an operation.';

CREATE INDEX webhook_event_due ON connectors.webhook_event (next_attempt_at) WHERE state = 'WAITING';
CREATE INDEX webhook_event_webhook ON connectors.webhook_event (webhook_id);
