-- What merchants' idempotency keys belong to, and the answers that a repeated call gets.

CREATE TABLE gateway.idempotency_key (
    merchant_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    modification_id text COLLATE "C",
    answer jsonb,
    lease_until timestamptz,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, key)
)
-- The answers stay in the row as they are: they are small, and compressing them costs more than it saves.
WITH (toast_tuple_target = 8160);
COMMENT ON TABLE gateway.idempotency_key IS
'Kept 30 days. A row without an answer belongs to an operation that is not final; while its lease runs, a call is at work on it.';
CREATE INDEX idempotency_key_expiry ON gateway.idempotency_key (expires_at) WHERE answer IS NOT NULL;
