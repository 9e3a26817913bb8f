-- Hands an attempt or modification to an operator whose PSP contradicts what is recorded of it, whatever its state; tells
-- whether that is news. Changes no money.
CREATE OR REPLACE FUNCTION gateway.report_contradiction(
    p_payment_id text, p_reference text, OUT reported boolean, OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
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
