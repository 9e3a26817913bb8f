-- Merchants and the API keys that act for them. A key is known by its SHA-256 only.

CREATE TABLE gateway.merchant (
    id text COLLATE "C" PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE gateway.merchant IS 'Never deleted: payments name their merchant without a foreign key, see gateway.payment.';
CREATE INDEX merchant_newest ON gateway.merchant (created_at, id);

CREATE TABLE gateway.api_key (
    id text COLLATE "C" PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    merchant_id text COLLATE "C" REFERENCES gateway.merchant,
    scope integer NOT NULL CHECK (scope BETWEEN 1 AND 3),
    live boolean NOT NULL,
    prefix text NOT NULL CHECK (length(prefix) BETWEEN 1 AND 32),
    sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    CONSTRAINT api_key_operator_has_no_merchant CHECK ((scope = 3) = (merchant_id IS NULL))
);
COMMENT ON COLUMN gateway.api_key.scope IS '1 publishable, 2 secret, 3 operator';
CREATE INDEX api_key_of_merchant ON gateway.api_key (merchant_id, created_at, id);
