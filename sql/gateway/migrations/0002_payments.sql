-- Payments, their attempts at PSP accounts, and the captures, voids and refunds that follow.
-- States are enumerations and CHECKs are few, as every CHECK costs some microseconds in every write of its table; those
-- that are there are the last line of defence for money, the procedures refuse earlier and with a reason.

-- Sorted so that what comes from AUTHORIZED on was approved.
CREATE TYPE gateway.payment_status AS ENUM (
    'PROCESSING', 'REQUIRES_ACTION', 'DECLINED', 'FAILED', 'AUTHORIZED', 'SUCCEEDED', 'VOIDED'
);
CREATE TYPE gateway.capture_method AS ENUM ('AUTOMATIC', 'MANUAL');
CREATE TYPE gateway.attempt_status AS ENUM ('SENDING', 'UNKNOWN', 'APPROVED', 'DECLINED', 'NOT_SENT');
CREATE TYPE gateway.modification_kind AS ENUM ('CAPTURE', 'VOID', 'REFUND');
CREATE TYPE gateway.modification_status AS ENUM ('SENDING', 'UNKNOWN', 'SUCCEEDED', 'FAILED');

CREATE TABLE gateway.payment (
    id text COLLATE "C" PRIMARY KEY,
    merchant_id text COLLATE "C" NOT NULL,
    status gateway.payment_status NOT NULL,
    capture_method gateway.capture_method NOT NULL,
    amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount_authorized bigint NOT NULL DEFAULT 0,
    amount_captured bigint NOT NULL DEFAULT 0,
    amount_capture_pending bigint NOT NULL DEFAULT 0,
    amount_refunded bigint NOT NULL DEFAULT 0,
    amount_refund_pending bigint NOT NULL DEFAULT 0,
    final_capture_pending boolean NOT NULL DEFAULT false,
    void_pending boolean NOT NULL DEFAULT false,
    under_review boolean NOT NULL DEFAULT false,
    seq bigint NOT NULL,
    modification_count bigint NOT NULL DEFAULT 0,
    decline_code text,
    decline_raw_code text,
    token text NOT NULL,
    card jsonb NOT NULL,
    merchant_reference text COLLATE "C" NOT NULL,
    description text NOT NULL,
    metadata jsonb NOT NULL,
    statement_descriptor text NOT NULL,
    candidates jsonb NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT payment_refunds_within_captures_within_authorization CHECK (
        least(amount_refunded, amount_refund_pending, amount_capture_pending) >= 0
        AND amount_refunded + amount_refund_pending <= amount_captured
        AND amount_captured + amount_capture_pending <= amount_authorized
        AND amount_authorized <= amount
        AND amount > 0
    ),
    CONSTRAINT payment_is_authorized_when_approved CHECK (
        (amount_authorized > 0) = (status >= 'AUTHORIZED') AND (amount_captured = 0 OR status <> 'VOIDED')
    )
)
-- No index covers a column that changes, so that an update in a page with room touches no index at all.
WITH (fillfactor = 80);
COMMENT ON TABLE gateway.payment IS
'One row per payment; its lock guards the payment''s money and everything that belongs to it. There is no foreign key to the merchant: it would lock the merchant''s row in every payment; begin_payment looks instead, and merchants are never deleted.';
COMMENT ON COLUMN gateway.payment.seq IS 'Number of the last event of the payment, counted 1, 2, 3, ... under the row lock.';
COMMENT ON COLUMN gateway.payment.candidates IS 'PSP accounts to try, best first: [{"account", "reason"}].';
COMMENT ON COLUMN gateway.payment.idempotency_key IS 'Key of the operation that created it.';
CREATE INDEX payment_newest_of_merchant ON gateway.payment (merchant_id, created_at, id);
CREATE UNIQUE INDEX payment_merchant_reference ON gateway.payment (merchant_id, merchant_reference)
WHERE merchant_reference <> '';

CREATE TABLE gateway.attempt (
    payment_id text COLLATE "C" NOT NULL,
    ordinal integer NOT NULL,
    account text COLLATE "C" NOT NULL,
    status gateway.attempt_status NOT NULL,
    unsettled boolean NOT NULL DEFAULT true,
    under_review boolean NOT NULL DEFAULT false,
    route_reason text NOT NULL,
    psp_reference text NOT NULL DEFAULT '',
    code text NOT NULL DEFAULT '',
    raw_code text NOT NULL DEFAULT '',
    network_transaction_id text NOT NULL DEFAULT '',
    asks integer NOT NULL DEFAULT 0,
    not_founds integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    swept_at timestamptz,
    PRIMARY KEY (payment_id, ordinal)
)
WITH (fillfactor = 80);
COMMENT ON TABLE gateway.attempt IS
'One authorization at one PSP account; its id is <payment id>_<ordinal>. Written only under the lock of its payment''s row, which is why there is no foreign key.';
COMMENT ON COLUMN gateway.attempt.unsettled IS 'Whether the payment waits for this attempt, or for what must follow it.';
COMMENT ON COLUMN gateway.attempt.swept_at IS
'When the sweep last handed it out, null when it moved since then. Alone written without the lock of the payment''s row.';
-- The sweep hands stalled work out in turns, so that work in a long wait never hides what a crash has just left.
CREATE INDEX attempt_unswept ON gateway.attempt (updated_at)
WHERE unsettled AND NOT under_review AND swept_at IS NULL;
CREATE INDEX attempt_swept ON gateway.attempt (swept_at)
WHERE unsettled AND NOT under_review AND swept_at IS NOT NULL;

CREATE TABLE gateway.modification (
    id text COLLATE "C" PRIMARY KEY,
    payment_id text COLLATE "C" NOT NULL REFERENCES gateway.payment,
    merchant_id text COLLATE "C" NOT NULL,
    kind gateway.modification_kind NOT NULL,
    status gateway.modification_status NOT NULL,
    amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    final boolean NOT NULL,
    account text COLLATE "C" NOT NULL,
    payment_psp_reference text NOT NULL,
    reason text NOT NULL,
    under_review boolean NOT NULL DEFAULT false,
    psp_reference text NOT NULL DEFAULT '',
    code text NOT NULL DEFAULT '',
    raw_code text NOT NULL DEFAULT '',
    asks integer NOT NULL DEFAULT 0,
    not_founds integer NOT NULL DEFAULT 0,
    idempotency_key text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    swept_at timestamptz,
    CONSTRAINT modification_amount_fits_kind CHECK ((amount > 0) = (kind <> 'VOID') AND amount >= 0),
    CONSTRAINT modification_final_is_a_capture CHECK (NOT final OR kind = 'CAPTURE')
)
WITH (fillfactor = 80);
COMMENT ON TABLE gateway.modification IS 'One capture, void or refund.';
CREATE INDEX modification_of_payment ON gateway.modification (payment_id, created_at, id);
CREATE INDEX modification_refunds_of_merchant ON gateway.modification (merchant_id, created_at, id)
WHERE kind = 'REFUND';
COMMENT ON COLUMN gateway.modification.swept_at IS
'When the sweep last handed it out, null when it moved since then. Alone written without the lock of the payment''s row.';
CREATE INDEX modification_unswept ON gateway.modification (updated_at)
WHERE status IN ('SENDING', 'UNKNOWN') AND NOT under_review AND swept_at IS NULL;
CREATE INDEX modification_swept ON gateway.modification (swept_at)
WHERE status IN ('SENDING', 'UNKNOWN') AND NOT under_review AND swept_at IS NOT NULL;
