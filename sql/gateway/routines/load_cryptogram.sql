-- What proves the authentication of a payment, encrypted, for the attempt that is about to be sent; null when there is none, or no
-- longer, as the payment is settled.
CREATE OR REPLACE FUNCTION gateway.load_cryptogram(p_payment_id text, OUT sealed bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    SELECT c.sealed INTO sealed FROM gateway.payment_cryptogram AS c WHERE c.payment_id = p_payment_id;
END;
$$;
