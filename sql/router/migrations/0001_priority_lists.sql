-- Merchants' priority lists, every version of them.

CREATE TABLE router.priority_list (
    merchant_id text COLLATE "C" NOT NULL CHECK (length(merchant_id) BETWEEN 1 AND 64),
    list_version bigint NOT NULL CHECK (list_version >= 1),
    priorities jsonb NOT NULL CHECK (
        jsonb_typeof(priorities) = 'array' AND jsonb_array_length(priorities) BETWEEN 1 AND 50
    ),
    set_by text NOT NULL,
    request_id text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, list_version)
);
COMMENT ON TABLE router.priority_list IS 'One row per version of a merchant''s list: it explains past routes and says who set it when. Rows are never changed.';

CREATE TABLE router.current_priority_list (
    merchant_id text COLLATE "C" PRIMARY KEY,
    list_version bigint NOT NULL,
    -- Checked at the end of the transaction, as the version is counted up before its list is written.
    FOREIGN KEY (merchant_id, list_version)
    REFERENCES router.priority_list (merchant_id, list_version) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE router.current_priority_list IS 'Which version of a merchant''s list decides.';

CREATE FUNCTION router.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = router, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'rows of %.% are never changed', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END;
$$;

CREATE TRIGGER priority_list_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON router.priority_list
FOR EACH STATEMENT EXECUTE FUNCTION router.refuse_change();
