-- Events that wait for the relay, which deletes them once Kafka has them.

CREATE TABLE gateway.outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id text COLLATE "C" NOT NULL,
    merchant_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    slot_hash integer NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    data jsonb NOT NULL,
    occurred_at timestamptz NOT NULL
)
-- Rows live for moments: compressing them would cost more than it saves, and vacuum must keep up with the deletes.
WITH (
    toast_tuple_target = 8160,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_threshold = -1
);
COMMENT ON COLUMN gateway.outbox.position IS
'Rises with seq within a payment, as both are taken under the payment''s row lock; between payments it tells nothing.';
COMMENT ON COLUMN gateway.outbox.slot_hash IS 'Hash of the payment id, never negative: relays share the payments out by it.';
