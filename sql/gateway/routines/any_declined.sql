-- Whether any attempt of the payment was declined: it then ends DECLINED, not FAILED.
CREATE OR REPLACE FUNCTION gateway.any_declined(p_payment_id text) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (SELECT FROM gateway.attempt AS x WHERE x.payment_id = p_payment_id AND x.status = 'DECLINED')
$$;
