-- A merchant's payment with the decision that its attempts come from; the decision is null for a payment from before decisions
-- were recorded. Another merchant's payment does not exist.
CREATE OR REPLACE FUNCTION gateway.get_routing(
    p_merchant_id text, p_payment_id text, OUT payment jsonb, OUT decision jsonb
)
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
    SELECT x.decision INTO decision FROM gateway.routing_decision AS x WHERE x.payment_id = p_payment_id;
END;
$$;
