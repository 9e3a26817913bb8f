-- What PSPs say beside their codes, when the result of an acknowledged operation is expected, and which capture a refund
-- gives back. Columns with a constant default are added without rewriting the tables.

ALTER TABLE gateway.attempt
    ADD COLUMN details jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN expected_by timestamptz;
COMMENT ON COLUMN gateway.attempt.details IS
'network_code, advice_code, checks, capture_before (seconds since the epoch), next_action; what the PSP did not say is left out.';
COMMENT ON COLUMN gateway.attempt.expected_by IS 'When the result is expected, once the PSP has acknowledged the attempt.';

ALTER TABLE gateway.modification
    ADD COLUMN details jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN expected_by timestamptz,
    ADD COLUMN capture_psp_reference text NOT NULL DEFAULT '',
    ADD COLUMN reversed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN gateway.modification.capture_psp_reference IS
'Of a refund: the PSP''s id of the capture it gives back; empty when no single capture had enough left.';
COMMENT ON COLUMN gateway.modification.reversed IS
'Whether the PSP has said that it failed after a success, told or not: a success that is told later is then old news.';

-- The sweep finds acknowledged modifications too. The indexes hold open modifications alone, so that making them anew takes
-- a moment only.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX gateway.modification_unswept;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX gateway.modification_swept;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX modification_unswept ON gateway.modification (updated_at)
WHERE status IN ('SENDING', 'UNKNOWN', 'PENDING') AND NOT under_review AND swept_at IS NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX modification_swept ON gateway.modification (swept_at)
WHERE status IN ('SENDING', 'UNKNOWN', 'PENDING') AND NOT under_review AND swept_at IS NOT NULL;
