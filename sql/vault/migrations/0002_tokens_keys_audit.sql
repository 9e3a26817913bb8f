-- squawk-ignore-file adding-foreign-key-constraint, adding-required-field, ban-drop-constraint, ban-drop-default, ban-drop-not-null, constraint-missing-not-valid, require-concurrent-index-creation
-- No release has these tables yet: they hold what developers have tried, and locks on them wait for nobody.
--
-- Tokens with a life of their own, a key for each card, key states up to destroyed, fingerprints that outlive their key,
-- what needs two approvers, and an audit in which nothing can be changed, left out or cut off unseen.

-- Keys -----------------------------------------------------------------------------------------------------------------

ALTER TABLE vault.data_key
    DROP CONSTRAINT data_key_state_check,
    ADD CONSTRAINT data_key_state_check CHECK (state IN ('active', 'decrypt_only', 'destroyed')),
    ALTER COLUMN wrapped_key DROP NOT NULL,
    ADD CONSTRAINT data_key_destroyed CHECK ((state = 'destroyed') = (wrapped_key IS NULL)),
    ADD COLUMN state_changed_at timestamptz NOT NULL DEFAULT now();

CREATE INDEX data_key_wrapped_by ON vault.data_key (key_encryption_key_id, merchant_id, key_version)
WHERE state <> 'destroyed';

CREATE TABLE vault.fingerprint_key (
    key_id text COLLATE "C" PRIMARY KEY CHECK (key_id ~ '^fpk_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
    state text NOT NULL CHECK (state IN ('active', 'retiring', 'destroyed')),
    key_encryption_key_id text NOT NULL CHECK (length(key_encryption_key_id) BETWEEN 1 AND 256),
    wrapped_key bytea CHECK (octet_length(wrapped_key) BETWEEN 48 AND 1024),
    created_at timestamptz NOT NULL DEFAULT now(),
    state_changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fingerprint_key_destroyed CHECK ((state = 'destroyed') = (wrapped_key IS NULL))
);
COMMENT ON TABLE vault.fingerprint_key IS
'Keys of card fingerprints, each wrapped by a key-encryption key that the database never sees. Of no use to SQL.';

CREATE UNIQUE INDEX fingerprint_key_active ON vault.fingerprint_key ((true)) WHERE state = 'active';
CREATE UNIQUE INDEX fingerprint_key_retiring ON vault.fingerprint_key ((true)) WHERE state = 'retiring';

CREATE TABLE vault.fingerprint (
    merchant_id text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL REFERENCES vault.fingerprint_key (key_id),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    fingerprint_id text COLLATE "C" NOT NULL CHECK (fingerprint_id ~ '^fpr_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
    PRIMARY KEY (merchant_id, key_id, fingerprint)
);
COMMENT ON TABLE vault.fingerprint IS
'HMAC of a card number, for one merchant and key, and the lasting id that merchants see as the card''s fingerprint.';

CREATE UNIQUE INDEX fingerprint_of_card ON vault.fingerprint (fingerprint_id, key_id);

-- Tokens ---------------------------------------------------------------------------------------------------------------

ALTER TABLE vault.card
    ALTER COLUMN fingerprint DROP NOT NULL,
    ALTER COLUMN fingerprint_key_id DROP NOT NULL,
    ADD COLUMN sealed_key bytea CHECK (octet_length(sealed_key) BETWEEN 61 AND 128),
    ADD COLUMN revision integer NOT NULL DEFAULT 1 CHECK (revision >= 1),
    ADD COLUMN usage text NOT NULL DEFAULT 'permanent' CHECK (usage IN ('single_use', 'permanent')),
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN payment_id text COLLATE "C" CHECK (length(payment_id) BETWEEN 1 AND 64),
    ADD COLUMN customer_id text COLLATE "C" NOT NULL DEFAULT '' CHECK (length(customer_id) <= 64),
    ADD COLUMN fingerprint_id text COLLATE "C" CHECK (fingerprint_id ~ '^fpr_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
    ADD COLUMN networks text [] NOT NULL DEFAULT '{}' CHECK (cardinality(networks) <= 4),
    ADD COLUMN funding text NOT NULL DEFAULT 'unknown' CHECK (
        funding IN ('credit', 'debit', 'prepaid', 'charge', 'unknown')
    ),
    ADD COLUMN issuer_country text NOT NULL DEFAULT '' CHECK (issuer_country ~ '^([A-Z]{2})?$'),
    ADD CONSTRAINT card_life CHECK ((usage = 'permanent') = (expires_at IS NULL));
-- Tokens that were made before tokens had a life stay usable for good; each new one says what it is.
ALTER TABLE vault.card ALTER COLUMN usage DROP DEFAULT;
COMMENT ON COLUMN vault.card.sealed_key IS
'The card''s own key, sealed with the merchant''s data key; without it the sealed card is noise. NULL: sealed directly.';
COMMENT ON COLUMN vault.card.payment_id IS 'The one payment that a single-use token serves, from its first use on.';
COMMENT ON COLUMN vault.card.revision IS 'Counts changes of the sealed bytes, so that none overwrites another.';

-- What was deleted leaves the file when its place is used again: vacuumed early, so that it is used again soon.
ALTER TABLE vault.card SET (autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0.01);

CREATE INDEX card_expires_at ON vault.card (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX card_customer ON vault.card (merchant_id, customer_id, token_id DESC) WHERE customer_id <> '';
CREATE INDEX card_key ON vault.card (merchant_id, key_version, token_id);
CREATE INDEX card_fingerprint_id ON vault.card (fingerprint_id) WHERE fingerprint_id IS NOT NULL;

-- Codes have their own key version: a card may be sealed anew while its code waits. Those of this quarter of an hour go.
TRUNCATE vault.card_code;
ALTER TABLE vault.card_code
    DROP CONSTRAINT card_code_token_id_fkey,
    ADD CONSTRAINT card_code_token_id_fkey FOREIGN KEY (token_id) REFERENCES vault.card (token_id) ON DELETE CASCADE,
    ADD COLUMN key_version integer NOT NULL;

-- Audit ----------------------------------------------------------------------------------------------------------------

CREATE TABLE vault.audit_chain (
    chain integer PRIMARY KEY CHECK (chain BETWEEN 0 AND 31),
    sequence bigint NOT NULL CHECK (sequence >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 10);
COMMENT ON TABLE vault.audit_chain IS 'The newest record of each chain. Chains enough that accesses seldom wait for each other.';

INSERT INTO vault.audit_chain (chain, sequence, hash)
SELECT
    number,
    0,
    sha256(convert_to('payera.vault.audit.v1/' || number, 'UTF8'))
FROM generate_series(0, 31) AS number;

CREATE TABLE vault.audit_record (
    chain integer NOT NULL REFERENCES vault.audit_chain (chain),
    sequence bigint NOT NULL CHECK (sequence >= 1),
    recorded_at timestamptz NOT NULL,
    action text NOT NULL CHECK (action ~ '^[a-z_]{1,40}$'),
    outcome text NOT NULL CHECK (outcome ~ '^[a-z_]{1,40}$'),
    actor text NOT NULL CHECK (length(actor) <= 128),
    request_id text NOT NULL CHECK (length(request_id) <= 128),
    merchant_id text COLLATE "C" NOT NULL CHECK (length(merchant_id) <= 64),
    token_id text COLLATE "C" NOT NULL CHECK (length(token_id) <= 64),
    payment_id text COLLATE "C" NOT NULL CHECK (length(payment_id) <= 64),
    detail text NOT NULL CHECK (length(detail) <= 1000),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (chain, sequence)
);
COMMENT ON TABLE vault.audit_record IS
'Who did what with which card or key. Each record''s hash covers it and the hash before it; rows are never changed.';

-- Every access adds to it: one index beside the key, which finds the newest records of a token without sorting them all.
CREATE INDEX audit_record_token ON vault.audit_record (token_id, recorded_at) WHERE token_id <> '';

CREATE TRIGGER audit_record_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON vault.audit_record
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();
COMMENT ON TABLE vault.card_access IS
'Accesses before there were chains. Closed: new ones are in vault.audit_record.';

-- Two approvers --------------------------------------------------------------------------------------------------------

CREATE TABLE vault.controlled_operation (
    operation_id text COLLATE "C" PRIMARY KEY CHECK (operation_id ~ '^cop_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
    kind text NOT NULL CHECK (kind IN ('export_cards', 'import_cards', 'destroy_data_key')),
    merchant_id text COLLATE "C" NOT NULL,
    parameters jsonb NOT NULL CHECK (octet_length(parameters::text) <= 16384),
    requested_by text NOT NULL CHECK (length(requested_by) BETWEEN 1 AND 128),
    requested_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    begun_by text,
    begun_at timestamptz,
    finished_at timestamptz,
    cancelled_by text CHECK (length(cancelled_by) BETWEEN 1 AND 128),
    CONSTRAINT controlled_operation_begun CHECK ((begun_by IS NULL) = (begun_at IS NULL)),
    CONSTRAINT controlled_operation_cancelled CHECK (cancelled_by IS NULL OR finished_at IS NOT NULL)
);
COMMENT ON TABLE vault.controlled_operation IS
'What brings cards or keys out of the vault or destroys them: PCI DSS 3.7.6 asks for split knowledge and dual control.';

COMMENT ON COLUMN vault.controlled_operation.expires_at IS
'Before it must be begun, a day after its request; once begun, before it must be finished, seven days later.';

CREATE INDEX controlled_operation_open ON vault.controlled_operation (expires_at)
WHERE begun_at IS NOT NULL AND finished_at IS NULL;
CREATE INDEX controlled_operation_newest ON vault.controlled_operation (operation_id DESC);

CREATE TABLE vault.approval (
    operation_id text COLLATE "C" NOT NULL REFERENCES vault.controlled_operation (operation_id),
    approver text NOT NULL CHECK (length(approver) BETWEEN 1 AND 128),
    approved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operation_id, approver)
);

CREATE TRIGGER approval_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON vault.approval
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();
