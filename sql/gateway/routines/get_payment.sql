-- A merchant's payment; another merchant's does not exist.
CREATE OR REPLACE FUNCTION gateway.get_payment(p_merchant_id text, p_payment_id text, OUT payment jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    p gateway.payment;
BEGIN
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p_payment_id AND x.merchant_id = p_merchant_id;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', p_payment_id));
    END IF;
    payment := gateway.payment_view(p);
END;
$$;
