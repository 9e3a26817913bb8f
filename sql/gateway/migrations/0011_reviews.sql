-- The operators' queue: what nobody could tell, the evidence, and what operators have decided.

CREATE TABLE gateway.review (
    reference text COLLATE "C" PRIMARY KEY,
    payment_id text COLLATE "C" NOT NULL,
    merchant_id text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    told jsonb,
    version bigint NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz
);
COMMENT ON TABLE gateway.review IS
'One row per attempt or modification that ever needed an operator, written under the lock of its payment''s row. It is in the queue while closed_at is null.';
COMMENT ON COLUMN gateway.review.kind IS 'AUTHORIZE, CAPTURE, VOID or REFUND.';
COMMENT ON COLUMN gateway.review.cause IS 'UNKNOWN: nobody could tell; CONTRADICTION: the PSP said something else than is recorded.';
COMMENT ON COLUMN gateway.review.told IS
'What the PSP said against the record: kind, code, raw_code, psp_reference, amount, currency, reversal.';
COMMENT ON COLUMN gateway.review.version IS
'Rises whenever it opens, closes or gets new evidence: a decision names the version that its operator has seen.';
CREATE INDEX review_oldest ON gateway.review (opened_at, reference) WHERE closed_at IS NULL;

CREATE TABLE gateway.inquiry (
    reference text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    told text COLLATE "C" NOT NULL,
    code text NOT NULL,
    raw_code text NOT NULL,
    psp_reference text NOT NULL,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (reference, number)
);
COMMENT ON TABLE gateway.inquiry IS
'What was said of an attempt or modification when it was asked for or repeated, or by its webhook, while that settled nothing.';
COMMENT ON COLUMN gateway.inquiry.told IS 'UNKNOWN, PENDING or NOT_FOUND.';

CREATE TABLE gateway.review_decision (
    reference text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    action text COLLATE "C" NOT NULL,
    effect text COLLATE "C" NOT NULL,
    psp_reference text NOT NULL,
    note text NOT NULL CHECK (length(note) BETWEEN 1 AND 500),
    decided_by text COLLATE "C" NOT NULL,
    request_id text NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (reference, version)
);
COMMENT ON TABLE gateway.review_decision IS 'Who decided what, and why. Append-only; a version of a review is decided once.';

-- What was handed to operators before there was a queue; few rows, and nobody waits for them.
INSERT INTO gateway.review (reference, payment_id, merchant_id, account, kind, cause, version, opened_at)
SELECT
    a.payment_id || '_' || a.ordinal, a.payment_id, p.merchant_id, a.account, 'AUTHORIZE',
    CASE WHEN a.status IN ('SENDING', 'UNKNOWN', 'PENDING') THEN 'UNKNOWN' ELSE 'CONTRADICTION' END, 1, a.updated_at
FROM gateway.attempt AS a
INNER JOIN gateway.payment AS p ON p.id = a.payment_id
WHERE a.under_review;
INSERT INTO gateway.review (reference, payment_id, merchant_id, account, kind, cause, version, opened_at)
SELECT
    m.id, m.payment_id, m.merchant_id, m.account, m.kind::text,
    CASE WHEN m.status IN ('SENDING', 'UNKNOWN', 'PENDING') THEN 'UNKNOWN' ELSE 'CONTRADICTION' END, 1, m.updated_at
FROM gateway.modification AS m
WHERE m.under_review;

-- Last, as it locks out everybody until the end. Columns with a constant default are added without rewriting the tables.
ALTER TABLE gateway.attempt
    ADD COLUMN asks_before integer NOT NULL DEFAULT 0,
    ADD COLUMN asked_again_at timestamptz;
COMMENT ON COLUMN gateway.attempt.asks_before IS 'How many of the asks were made before an operator had it asked again.';
COMMENT ON COLUMN gateway.attempt.asked_again_at IS 'When an operator last had it asked again; null when none has.';

ALTER TABLE gateway.modification
    ADD COLUMN asks_before integer NOT NULL DEFAULT 0,
    ADD COLUMN asked_again_at timestamptz;
COMMENT ON COLUMN gateway.modification.asks_before IS 'As in gateway.attempt.';
COMMENT ON COLUMN gateway.modification.asked_again_at IS 'As in gateway.attempt.';
