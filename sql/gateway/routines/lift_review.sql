-- Takes an attempt or modification that an operator has decided out of the queue, and raises seq; gives the payment. The event tells
-- of the decision alone, what comes of it follows. The caller holds the lock of the payment's row.
CREATE OR REPLACE FUNCTION gateway.lift_review(p gateway.payment, p_reference text, p_now timestamptz)
RETURNS gateway.payment
LANGUAGE plpgsql
AS $$
DECLARE
    a gateway.attempt;
    m gateway.modification;
BEGIN
    PERFORM gateway.close_review(p_reference, p_now);
    UPDATE gateway.attempt AS x
    SET under_review = false, swept_at = NULL, updated_at = p_now
    WHERE x.payment_id = p.id AND x.payment_id || '_' || x.ordinal = p_reference
    RETURNING * INTO a;
    UPDATE gateway.modification AS x
    SET under_review = false, swept_at = NULL, updated_at = p_now
    WHERE x.id = p_reference AND x.payment_id = p.id
    RETURNING * INTO m;
    UPDATE gateway.payment AS x
    SET under_review = gateway.any_under_review(x.id), seq = x.seq + 1, updated_at = p_now
    WHERE x.id = p.id
    RETURNING * INTO p;
    PERFORM gateway.add_event(
        p, 'REVIEW_RESOLVED', gateway.payment_view(p),
        CASE WHEN a.payment_id IS NOT NULL THEN gateway.attempt_view(a) END,
        CASE WHEN m.id IS NOT NULL THEN gateway.modification_view(m) END
    );
    RETURN p;
END;
$$;
