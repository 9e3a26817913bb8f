-- Why payments go where they go, and what the PSPs' own 3-D Secure is to do for them. The column has a constant default, so that
-- it is added without rewriting the table.

CREATE TYPE gateway.three_ds_preference AS ENUM ('AUTOMATIC', 'CHALLENGE', 'SKIP');

ALTER TABLE gateway.payment
    ADD COLUMN three_ds_preference gateway.three_ds_preference NOT NULL DEFAULT 'AUTOMATIC';
COMMENT ON COLUMN gateway.payment.three_ds_preference IS
'What goes along with every attempt: the routing rule''s word, as the payment says nothing itself.';

CREATE TABLE gateway.routing_decision (
    payment_id text COLLATE "C" PRIMARY KEY,
    decision jsonb NOT NULL,
    CONSTRAINT routing_decision_has_candidates CHECK (coalesce(jsonb_array_length(decision -> 'candidates'), 0) > 0)
);
COMMENT ON TABLE gateway.routing_decision IS
'The router''s decision about a payment and all its attempts, written with the payment and never changed. Beside the payment''s row, which each change copies.';
COMMENT ON COLUMN gateway.routing_decision.decision IS
'list_version, ruleset_version, rule, step_up, unheld_rules, learning_current, left_out (accounts not recorded), candidates: account, reason, eligible (when false), approval_ppm, fee (minor units), explored. What is empty is left out.';
