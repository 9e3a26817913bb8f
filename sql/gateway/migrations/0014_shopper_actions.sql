-- Attempts that wait for the shopper, such as for a challenge of 3-D Secure. A value added to an enumeration can't be used in the
-- transaction that adds it: nothing here does. Columns with a constant default are added without rewriting the tables.

ALTER TYPE gateway.attempt_status ADD VALUE 'ACTION_REQUIRED' AFTER 'PENDING';
CREATE TYPE gateway.cancel_status AS ENUM ('NONE', 'SENT', 'DONE', 'REFUSED');

ALTER TABLE gateway.payment
    ADD COLUMN return_url text NOT NULL DEFAULT '',
    ADD COLUMN action_seconds integer NOT NULL DEFAULT 1800,
    ADD COLUMN next_action jsonb,
    ADD COLUMN action_by timestamptz;
COMMENT ON COLUMN gateway.payment.return_url IS
'Where a PSP sends the shopper back to; empty when the shopper can''t be sent anywhere. In no event: it may name the shopper.';
COMMENT ON COLUMN gateway.payment.action_seconds IS 'How long the shopper has when a PSP wants something of them.';
COMMENT ON COLUMN gateway.payment.next_action IS
'What the shopper must do while the status is REQUIRES_ACTION, null otherwise: kind, url, method, fields. For the shopper''s browser only: in no event and no key''s answer.';
COMMENT ON COLUMN gateway.payment.action_by IS 'Until when the shopper may act; null when the status is not REQUIRES_ACTION.';

ALTER TABLE gateway.attempt
    ADD COLUMN late_asks integer NOT NULL DEFAULT 0,
    ADD COLUMN cancel gateway.cancel_status NOT NULL DEFAULT 'NONE',
    ADD COLUMN cancels integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN gateway.attempt.details IS
'network_code, advice_code, checks, capture_before (seconds since the epoch); what the PSP did not say is left out.';
COMMENT ON COLUMN gateway.attempt.late_asks IS
'How often it was asked for while it waited for a shopper who could not act any more.';
COMMENT ON COLUMN gateway.attempt.cancel IS
'What the PSP made of the cancelling of an attempt that no shopper completed. While it is SENT (not clearly answered) or DONE, an approval is not believed.';
COMMENT ON COLUMN gateway.attempt.cancels IS 'How often the PSP was told to cancel it.';
