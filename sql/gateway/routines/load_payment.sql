-- A payment by its id alone, for our own processes; each attempt also tells how many seconds ago it was begun,
-- and what its schedule of asks counts from.
CREATE OR REPLACE FUNCTION gateway.load_payment(p_payment_id text, OUT payment jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    p gateway.payment;
BEGIN
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p_payment_id;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', p_payment_id));
    END IF;
    payment := gateway.payment_view(p) || jsonb_build_object('attempts', (
        SELECT coalesce(jsonb_agg(
            gateway.attempt_view(a) || jsonb_build_object(
                'age_seconds', gateway.age_seconds(a.created_at),
                'settling_seconds', gateway.age_seconds(coalesce(a.asked_again_at, a.created_at)),
                'asks_before', a.asks_before,
                'reversal_age_seconds', gateway.age_seconds(a.reversed_at),
                'expected_age_seconds', gateway.seconds_between(a.created_at, a.expected_by)
            )
            ORDER BY a.ordinal
        ), '[]')
        FROM gateway.attempt AS a
        WHERE a.payment_id = p_payment_id
    ));
END;
$$;
