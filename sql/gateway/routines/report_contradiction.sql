-- Hands an attempt or modification to an operator whose PSP contradicts what is recorded of it, whatever its state; tells
-- whether that is news. p_told is what the PSP said; what an operator has not seen yet is added to a review that is under way, and what
-- is in it already changes nothing. Changes no money.
CREATE OR REPLACE FUNCTION gateway.report_contradiction(
    p_payment_id text, p_reference text, p_told jsonb, OUT reported boolean, OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    v_account text;
    v_kind text;
    v_amount bigint;
    v_fact jsonb;
    p gateway.payment;
    a gateway.attempt;
    m gateway.modification;
BEGIN
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p_payment_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', p_payment_id));
    END IF;
    v_now := clock_timestamp();
    UPDATE gateway.attempt AS x
    SET under_review = true, updated_at = v_now
    WHERE x.payment_id = p_payment_id AND x.payment_id || '_' || x.ordinal = p_reference AND NOT x.under_review
    RETURNING * INTO a;
    UPDATE gateway.modification AS x
    SET under_review = true, updated_at = v_now
    WHERE x.id = p_reference AND x.payment_id = p_payment_id AND NOT x.under_review
    RETURNING * INTO m;
    reported := a.payment_id IS NOT NULL OR m.id IS NOT NULL;
    SELECT x.account, x.kind, x.amount INTO v_account, v_kind, v_amount
    FROM (
        SELECT y.account, 'AUTHORIZE', p.amount FROM gateway.attempt AS y
        WHERE y.payment_id = p_payment_id AND y.payment_id || '_' || y.ordinal = p_reference
        UNION ALL
        SELECT y.account, y.kind::text, y.amount FROM gateway.modification AS y
        WHERE y.id = p_reference AND y.payment_id = p_payment_id
    ) AS x (account, kind, amount);
    v_fact := gateway.contradiction_fact(p_told, v_kind, v_amount, p.currency);
    IF v_kind IS NOT NULL AND (reported OR NOT EXISTS (
        SELECT FROM gateway.review AS r
        WHERE r.reference = p_reference AND r.closed_at IS NULL AND (r.told = p_told OR EXISTS (
            SELECT FROM gateway.contradiction AS c
            WHERE c.reference = r.reference AND c.fact = v_fact AND c.told_at >= r.opened_at
        ))
    )) THEN
        INSERT INTO gateway.contradiction (reference, number, fact, told, told_at)
        SELECT p_reference, coalesce(max(c.number), 0) + 1, v_fact, p_told, v_now
        FROM gateway.contradiction AS c WHERE c.reference = p_reference;
        PERFORM gateway.open_review(p, p_reference, v_account, v_kind, 'CONTRADICTION', p_told, v_now);
    END IF;
    IF reported THEN
        UPDATE gateway.payment AS x
        SET under_review = true, seq = x.seq + 1, updated_at = v_now
        WHERE x.id = p_payment_id
        RETURNING * INTO p;
        PERFORM gateway.add_event(
            p, 'REVIEW_REQUIRED', gateway.payment_view(p),
            CASE WHEN a.payment_id IS NOT NULL THEN gateway.attempt_view(a) END,
            CASE WHEN m.id IS NOT NULL THEN gateway.modification_view(m) END
        );
    END IF;
    payment := gateway.payment_view(p);
END;
$$;
