-- The payment of an attempt's id, its row locked. Refuses with PAYMENT_NOT_FOUND.
CREATE OR REPLACE FUNCTION gateway.payment_of_attempt(p_attempt_id text) RETURNS gateway.payment
LANGUAGE plpgsql
AS $$
DECLARE
    v_payment_id text := regexp_replace(p_attempt_id, '_[0-9]+$', '');
    p gateway.payment;
BEGIN
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = v_payment_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', v_payment_id));
    END IF;
    RETURN p;
END;
$$;
