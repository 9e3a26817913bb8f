-- The double-entry ledger: a journal is one posting, its entries sum to zero. Append-only.

CREATE TABLE gateway.journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id text COLLATE "C" NOT NULL,
    posting_rule text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT journal_posts_once UNIQUE (source_id, posting_rule)
);
COMMENT ON TABLE gateway.journal IS 'One posting; source_id is the attempt or modification whose outcome it books.';

CREATE TABLE gateway.entry (
    journal_id bigint NOT NULL,
    account text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (journal_id, account)
);
COMMENT ON TABLE gateway.entry IS
'Debit positive, credit negative, in minor units of the journal''s currency. Written with its journal by one function only, which is why there is no foreign key.';
