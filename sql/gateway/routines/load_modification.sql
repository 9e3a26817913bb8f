-- A capture, void or refund by its id alone, with its age in seconds, and its payment; for our own processes.
CREATE OR REPLACE FUNCTION gateway.load_modification(
    p_modification_id text, OUT modification jsonb, OUT payment jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    m gateway.modification;
    p gateway.payment;
BEGIN
    SELECT * INTO m FROM gateway.modification AS x WHERE x.id = p_modification_id;
    IF NOT FOUND THEN
        PERFORM gateway.fault(format('there is no modification %s', p_modification_id));
    END IF;
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = m.payment_id;
    modification := gateway.modification_view(m) || jsonb_build_object(
        'age_seconds', gateway.age_seconds(m.created_at),
        'settling_seconds', gateway.age_seconds(coalesce(m.asked_again_at, m.created_at)),
        'asks_before', m.asks_before,
        'expected_age_seconds', gateway.seconds_between(m.created_at, m.expected_by)
    );
    payment := gateway.payment_view(p);
END;
$$;
