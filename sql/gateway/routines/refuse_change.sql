-- Keeps the ledger and the operators' decisions append-only, whoever tries.
CREATE OR REPLACE FUNCTION gateway.refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'rows of %.% are never changed: book a reversal', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END;
$$;

CREATE OR REPLACE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gateway.journal
FOR EACH STATEMENT EXECUTE FUNCTION gateway.refuse_change();

CREATE OR REPLACE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gateway.entry
FOR EACH STATEMENT EXECUTE FUNCTION gateway.refuse_change();

CREATE OR REPLACE TRIGGER review_decision_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gateway.review_decision
FOR EACH STATEMENT EXECUTE FUNCTION gateway.refuse_change();
