-- Merchants' data keys, sealed cards, card verification codes on their way to an authorization, and who was given what.

CREATE TABLE vault.data_key (
    merchant_id text COLLATE "C" NOT NULL CHECK (length(merchant_id) BETWEEN 1 AND 64),
    key_version integer NOT NULL CHECK (key_version >= 1),
    state text NOT NULL CHECK (state IN ('active', 'decrypt_only')),
    key_encryption_key_id text NOT NULL CHECK (length(key_encryption_key_id) BETWEEN 1 AND 256),
    wrapped_key bytea NOT NULL CHECK (octet_length(wrapped_key) BETWEEN 48 AND 1024),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, key_version)
);
COMMENT ON TABLE vault.data_key IS 'Data keys of merchants, each wrapped by a key-encryption key that the database never sees.';

-- New cards of a merchant are sealed with one key at a time.
CREATE UNIQUE INDEX data_key_active ON vault.data_key (merchant_id) WHERE state = 'active';

CREATE TABLE vault.card (
    token_id text COLLATE "C" PRIMARY KEY CHECK (token_id ~ '^tok_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
    merchant_id text COLLATE "C" NOT NULL,
    key_version integer NOT NULL,
    sealed_card bytea NOT NULL CHECK (octet_length(sealed_card) BETWEEN 93 AND 4096),
    brand text NOT NULL CHECK (brand ~ '^[a-z]{1,32}$'),
    last4 text NOT NULL CHECK (last4 ~ '^[0-9]{4}$'),
    bin text NOT NULL CHECK (bin ~ '^([0-9]{6})?$'),
    exp_month integer NOT NULL CHECK (exp_month BETWEEN 1 AND 12),
    exp_year integer NOT NULL CHECK (exp_year BETWEEN 2000 AND 2099),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    fingerprint_key_id text NOT NULL CHECK (length(fingerprint_key_id) BETWEEN 1 AND 256),
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (merchant_id, key_version) REFERENCES vault.data_key (merchant_id, key_version)
);
COMMENT ON COLUMN vault.card.sealed_card IS 'Number, expiry and holder name, sealed for this merchant, token and key version.';
COMMENT ON COLUMN vault.card.fingerprint IS 'HMAC of the number under a key that is not in the database, scoped to the merchant.';

CREATE INDEX card_fingerprint ON vault.card (merchant_id, fingerprint);

-- Unlogged: a code must never reach the write-ahead log, a replica or a backup made from it. After a crash the table is
-- empty, and authorizations go without a code. Vacuumed after few deletes, so that deleted codes leave the file too.
CREATE UNLOGGED TABLE vault.card_code (
    token_id text COLLATE "C" PRIMARY KEY REFERENCES vault.card (token_id),
    sealed_code bytea NOT NULL CHECK (octet_length(sealed_code) BETWEEN 29 AND 256),
    expires_at timestamptz NOT NULL
) WITH (
    autovacuum_vacuum_threshold = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_insert_scale_factor = 0
);
COMMENT ON TABLE vault.card_code IS 'Card verification codes until their authorization, for fifteen minutes at most.';

CREATE INDEX card_code_expires_at ON vault.card_code (expires_at);

CREATE TABLE vault.card_access (
    access_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    accessed_at timestamptz NOT NULL DEFAULT now(),
    caller text NOT NULL,
    purpose text NOT NULL,
    payment_id text NOT NULL,
    request_id text NOT NULL,
    merchant_id text COLLATE "C" NOT NULL,
    token_id text COLLATE "C" NOT NULL,
    card_given boolean NOT NULL,
    code_given boolean NOT NULL
);
COMMENT ON TABLE vault.card_access IS 'Audit of every request for a card in the clear, also of those that found none. Rows are never changed.';

CREATE INDEX card_access_token ON vault.card_access (token_id);

CREATE FUNCTION vault.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = vault, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'rows of %.% are never changed', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END;
$$;

CREATE TRIGGER card_access_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON vault.card_access
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();
