-- What routers have learnt from the events of payments, so that one that starts needn't read the topic from its beginning.

CREATE TABLE router.learning_snapshot (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    layout text COLLATE "C" NOT NULL CHECK (length(layout) BETWEEN 1 AND 400),
    state bytea NOT NULL CHECK (octet_length(state) BETWEEN 1 AND 33554432),
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE router.learning_snapshot IS 'The newest snapshots of each layout: a state with the offsets it was read up to. May be deleted at any time: the topic tells all of it.';
-- The routers compress it.
ALTER TABLE router.learning_snapshot ALTER COLUMN state SET STORAGE EXTERNAL;
