-- Attempts that are taken back, as nobody could tell what became of them. Columns with a constant default are added without
-- rewriting the table.

CREATE TYPE gateway.reversal_status AS ENUM ('NONE', 'SENT', 'ACKNOWLEDGED', 'REFUSED');

ALTER TABLE gateway.attempt
    ADD COLUMN reversals integer NOT NULL DEFAULT 0,
    ADD COLUMN reversal gateway.reversal_status NOT NULL DEFAULT 'NONE',
    ADD COLUMN reversed_at timestamptz,
    ADD COLUMN held_approval jsonb;
COMMENT ON COLUMN gateway.attempt.reversals IS 'How many reversals of it were begun; written before the PSP is asked for one.';
COMMENT ON COLUMN gateway.attempt.reversal IS
'Where the last reversal stands; SENT is not answered clearly. One that was done ends the attempt.';
COMMENT ON COLUMN gateway.attempt.reversed_at IS 'When the last reversal was begun; null when none was.';
COMMENT ON COLUMN gateway.attempt.held_approval IS
'What the PSP said when it approved although a reversal was begun: psp_reference, code, raw_code, network_transaction_id, details. It is recorded if the reversal is refused.';
