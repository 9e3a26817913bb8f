-- Everything that PSPs said against the record: a review shows the last word, and one that was told before must not hide another.

CREATE TABLE gateway.contradiction (
    reference text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    fact jsonb NOT NULL,
    told jsonb NOT NULL,
    told_at timestamptz NOT NULL,
    PRIMARY KEY (reference, number)
);
COMMENT ON TABLE gateway.contradiction IS
'Append-only: what was said against the record of an attempt or modification, each fact once while its review is open.';
COMMENT ON COLUMN gateway.contradiction.fact IS
'What makes two of them one: subject, kind, code of a decline, psp_reference, amount, currency, reversal; what was left unsaid is as asked for.';
COMMENT ON COLUMN gateway.contradiction.told IS 'As in gateway.review.';

-- What waits now; few rows, and nobody waits for them. Its fact is not known, so that the same word may be noted once more.
INSERT INTO gateway.contradiction (reference, number, fact, told, told_at)
SELECT r.reference, 1, '{}', r.told, r.opened_at
FROM gateway.review AS r
WHERE r.told IS NOT NULL;
