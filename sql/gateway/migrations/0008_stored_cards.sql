-- Payments that keep their token for later ones, and merchants whose first payments with a card need its code. Columns with a
-- constant default are added without rewriting the tables.

ALTER TABLE gateway.merchant ADD COLUMN card_code_required boolean NOT NULL DEFAULT false;

ALTER TABLE gateway.payment
    ADD COLUMN store_card boolean NOT NULL DEFAULT false,
    ADD COLUMN code_required boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN gateway.payment.store_card IS 'Whether the vault is to keep the token for good once the payment is approved.';
COMMENT ON COLUMN gateway.payment.code_required IS
'Whether no PSP may be asked without the card''s code: the merchant''s setting when the payment began, false for a kept token.';

CREATE TABLE gateway.token_to_keep (
    payment_id text COLLATE "C" PRIMARY KEY,
    merchant_id text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE gateway.token_to_keep IS
'What the vault is still to be told: a row comes with the record of the approval and goes when the vault has answered.';
CREATE INDEX token_to_keep_due ON gateway.token_to_keep (next_try_at);

CREATE TABLE gateway.kept_token (
    merchant_id text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    kept_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, token)
);
COMMENT ON TABLE gateway.kept_token IS
'Tokens of cards on file: a payment with store_card was approved with them. Later payments with them have no code to send.';
