-- How far merchants let declined payments move on, and what the card networks' rules about retries count. Columns with a
-- constant default are added without rewriting the tables.

ALTER TABLE gateway.merchant ADD COLUMN cascade_settings jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN gateway.merchant.cascade_settings IS 'off, codes, classes, max_attempts; what is not narrowed is left out.';

ALTER TABLE gateway.payment
    ADD COLUMN cascade_settings jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN card_key text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN gateway.payment.cascade_settings IS 'The merchant''s when the payment began.';
COMMENT ON COLUMN gateway.payment.card_key IS
'What the card is counted by: the vault''s fingerprint of it, or its token when the vault has none. Empty for payments from before this column.';

CREATE TABLE gateway.retry_card (
    merchant_id text COLLATE "C" NOT NULL,
    card_key text COLLATE "C" NOT NULL,
    declined_at timestamptz,
    approved_at timestamptz,
    stopped boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, card_key)
);
COMMENT ON TABLE gateway.retry_card IS
'One row per card that was declined, of a network with rules about retries; its lock makes the counting right. Locked after the payment''s row, before the key''s.';
COMMENT ON COLUMN gateway.retry_card.declined_at IS 'The last decline that no approval has followed; null when there is none.';
COMMENT ON COLUMN gateway.retry_card.stopped IS 'Whether gateway.retry_stop has rows of the card.';
CREATE INDEX retry_card_oldest ON gateway.retry_card (updated_at) WHERE NOT stopped;

CREATE TABLE gateway.retry_attempt (
    payment_id text COLLATE "C" NOT NULL,
    ordinal integer NOT NULL,
    merchant_id text COLLATE "C" NOT NULL,
    card_key text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    reattempt boolean NOT NULL,
    begun_at timestamptz NOT NULL,
    PRIMARY KEY (payment_id, ordinal)
);
COMMENT ON TABLE gateway.retry_attempt IS
'Attempts that count by the networks'' rules: reattempts from their begin on, first tries from their decline on. Kept for the longest window.';
CREATE INDEX retry_attempt_of_card ON gateway.retry_attempt (merchant_id, card_key, begun_at);
CREATE INDEX retry_attempt_oldest ON gateway.retry_attempt (begun_at);

CREATE TABLE gateway.retry_stop (
    merchant_id text COLLATE "C" NOT NULL,
    card_key text COLLATE "C" NOT NULL,
    advice_code text COLLATE "C" NOT NULL,
    network_code text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    declined_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, card_key, advice_code, network_code, code)
);
COMMENT ON TABLE gateway.retry_stop IS
'Declines after which a card''s network forbids any further try; of each kind the last. Never deleted: they hold as long as gateway.decline_rules says so.';
