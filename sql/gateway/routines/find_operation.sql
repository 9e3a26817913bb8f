-- Tells what an idempotency key belongs to, and changes nothing: only begin_payment and begin_modification take a
-- lease.
-- NONE when the key is not known; otherwise REPLAYED, IN_FLIGHT or RESUME as they would say.
CREATE OR REPLACE FUNCTION gateway.find_operation(
    p_merchant_id text, p_idempotency_key text, p_request_hash bytea,
    OUT disposition text, OUT payment jsonb, OUT modification jsonb, OUT answer jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    k gateway.idempotency_key;
    p gateway.payment;
    m gateway.modification;
BEGIN
    SELECT * INTO k
    FROM gateway.idempotency_key AS x
    WHERE x.merchant_id = p_merchant_id AND x.key = p_idempotency_key;
    IF NOT FOUND THEN
        disposition := 'NONE';
        RETURN;
    END IF;
    IF k.request_hash <> p_request_hash THEN
        PERFORM gateway.refuse('IDEMPOTENCY_KEY_REUSED', '{}');
    END IF;
    disposition := CASE
        WHEN k.answer IS NOT NULL THEN 'REPLAYED'
        WHEN k.lease_until > clock_timestamp() THEN 'IN_FLIGHT'
        ELSE 'RESUME'
    END;
    answer := k.answer;
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = k.payment_id;
    payment := gateway.payment_view(p);
    IF k.modification_id IS NOT NULL THEN
        SELECT * INTO m FROM gateway.modification AS x WHERE x.id = k.modification_id;
        modification := gateway.modification_view(m);
    END IF;
END;
$$;
