-- Which line of an import became which token, so that a line that comes again makes no second one.

CREATE TABLE vault.imported_card (
    operation_id text COLLATE "C" NOT NULL REFERENCES vault.controlled_operation (operation_id),
    source_id text COLLATE "C" NOT NULL CHECK (source_id ~ '^[!-~]{1,128}$'),
    token_id text COLLATE "C" NOT NULL CHECK (token_id ~ '^tok_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
    fingerprint_id text COLLATE "C" NOT NULL CHECK (fingerprint_id ~ '^fpr_[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
    imported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operation_id, source_id)
);
COMMENT ON TABLE vault.imported_card IS
'The token that each card of an import got, by its id in the other vault. A token stays here when it is deleted.';
COMMENT ON COLUMN vault.imported_card.fingerprint_id IS
'The number that came with this id: another number under the same id is an error of the file, not a repetition.';
