-- Operations that a PSP has acknowledged and decides later. A migration of its own: a value added to an enumeration can't be
-- used in the transaction that adds it.

ALTER TYPE gateway.attempt_status ADD VALUE 'PENDING' AFTER 'UNKNOWN';
ALTER TYPE gateway.modification_status ADD VALUE 'PENDING' AFTER 'UNKNOWN';
