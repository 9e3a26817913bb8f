-- Ends the lease of a call that could not give a final answer, so that a repeat may resume at once.
CREATE OR REPLACE FUNCTION gateway.release_lease(p_merchant_id text, p_idempotency_key text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    UPDATE gateway.idempotency_key AS k
    SET lease_until = NULL
    WHERE k.merchant_id = p_merchant_id AND k.key = p_idempotency_key AND k.lease_until IS NOT NULL;
END;
$$;
