-- Books p_amount from p_credit to p_debit: the one way into the ledger, so that every journal sums to zero.
-- Gives the journal's id; books nothing when the amount is zero. A source posts once per rule: a second time is a
-- unique violation.
CREATE OR REPLACE FUNCTION gateway.post(
    p gateway.payment, p_rule text, p_source_id text, p_debit text, p_credit text, p_amount bigint
) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_journal bigint;
BEGIN
    IF p_amount = 0 THEN
        RETURN NULL;
    END IF;
    IF p_amount < 0 THEN
        PERFORM gateway.fault('a posting must have a positive amount');
    END IF;
    INSERT INTO gateway.journal (payment_id, posting_rule, source_id, currency, recorded_at)
    VALUES (p.id, p_rule, p_source_id, p.currency, p.updated_at)
    RETURNING id INTO v_journal;
    INSERT INTO gateway.entry (journal_id, account, amount)
    VALUES (v_journal, p_debit, p_amount), (v_journal, p_credit, -p_amount);
    RETURN v_journal;
END;
$$;
