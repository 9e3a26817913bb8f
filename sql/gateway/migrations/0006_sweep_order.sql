-- The sweep hands stalled work out in turns, so that work in a long wait never hides what a crash has just left.

ALTER TABLE gateway.attempt ADD COLUMN swept_at timestamptz;
ALTER TABLE gateway.modification ADD COLUMN swept_at timestamptz;
COMMENT ON COLUMN gateway.attempt.swept_at IS
'When the sweep last handed it out, null when it moved since then. Alone written without the lock of the payment''s row.';
COMMENT ON COLUMN gateway.modification.swept_at IS
'When the sweep last handed it out, null when it moved since then. Alone written without the lock of the payment''s row.';

DROP INDEX gateway.attempt_unsettled;
CREATE INDEX attempt_unswept ON gateway.attempt (updated_at)
WHERE unsettled AND NOT under_review AND swept_at IS NULL;
CREATE INDEX attempt_swept ON gateway.attempt (swept_at)
WHERE unsettled AND NOT under_review AND swept_at IS NOT NULL;

DROP INDEX gateway.modification_unsettled;
CREATE INDEX modification_unswept ON gateway.modification (updated_at)
WHERE status IN ('SENDING', 'UNKNOWN') AND NOT under_review AND swept_at IS NULL;
CREATE INDEX modification_swept ON gateway.modification (swept_at)
WHERE status IN ('SENDING', 'UNKNOWN') AND NOT under_review AND swept_at IS NOT NULL;
