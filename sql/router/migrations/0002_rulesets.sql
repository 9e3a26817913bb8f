-- Merchants' rulesets: every version, what was done with each, and which one decides.

CREATE TABLE router.ruleset_version (
    merchant_id text COLLATE "C" NOT NULL CHECK (length(merchant_id) BETWEEN 1 AND 64),
    version integer NOT NULL CHECK (version >= 1),
    ruleset jsonb NOT NULL CHECK (jsonb_typeof(ruleset) = 'object' AND jsonb_typeof(ruleset -> 'rules') = 'array'),
    note text NOT NULL CHECK (length(note) <= 500),
    created_by text COLLATE "C" NOT NULL,
    request_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, version)
);
COMMENT ON TABLE router.ruleset_version IS 'One row per version of a merchant''s ruleset. Rows are never changed: decisions name the version that made them.';

CREATE TRIGGER ruleset_version_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON router.ruleset_version
FOR EACH STATEMENT EXECUTE FUNCTION router.refuse_change();

CREATE TABLE router.ruleset_change (
    merchant_id text COLLATE "C" NOT NULL CHECK (length(merchant_id) BETWEEN 1 AND 64),
    change_number integer NOT NULL CHECK (change_number >= 1),
    kind text COLLATE "C" NOT NULL CHECK (kind IN (
        'created', 'approved', 'activated', 'rolled_back', 'approval_required', 'approval_waiver_requested',
        'approval_waived'
    )),
    version integer NOT NULL CHECK (version >= 0),
    replaced_version integer NOT NULL CHECK (replaced_version >= 0),
    key_id text COLLATE "C" NOT NULL,
    request_id text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (merchant_id, change_number)
);
COMMENT ON TABLE router.ruleset_change IS 'Who did what with a merchant''s rulesets, written with the change itself. Rows are never changed; approvals and earlier activations are read from here.';
COMMENT ON COLUMN router.ruleset_change.version IS 'The version that it is about; 0 for none.';
COMMENT ON COLUMN router.ruleset_change.replaced_version IS 'The version that was active before; 0 for none.';

CREATE INDEX ruleset_change_of_version ON router.ruleset_change (merchant_id, version, change_number);

CREATE TRIGGER ruleset_change_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON router.ruleset_change
FOR EACH STATEMENT EXECUTE FUNCTION router.refuse_change();

CREATE TABLE router.ruleset_state (
    merchant_id text COLLATE "C" PRIMARY KEY CHECK (length(merchant_id) BETWEEN 1 AND 64),
    newest_version integer NOT NULL DEFAULT 0 CHECK (newest_version >= 0),
    newest_change integer NOT NULL DEFAULT 0 CHECK (newest_change >= 0),
    active_version integer,
    approval_required boolean NOT NULL DEFAULT false,
    waiver_requested_by text COLLATE "C",
    waiver_requested_at timestamptz,
    CHECK ((waiver_requested_by IS NULL) = (waiver_requested_at IS NULL)),
    FOREIGN KEY (merchant_id, active_version) REFERENCES router.ruleset_version (merchant_id, version)
);
COMMENT ON TABLE router.ruleset_state IS 'What holds for a merchant. The lock on its row puts all changes of its rulesets in an order.';
COMMENT ON COLUMN router.ruleset_state.active_version IS 'The version that decides; null for none.';
