-- Finds what an idempotency key that exists belongs to, and takes its lease anew when nobody is at work on it.
-- Holds the key's row lock until the transaction ends; callers lock no payment after this, so that no deadlock can be.
CREATE OR REPLACE FUNCTION gateway.take_up_key(
    p_merchant_id text, p_key text, p_operation text, p_request_hash bytea, p_lease_ms integer,
    OUT disposition text, OUT payment_id text, OUT modification_id text, OUT answer jsonb
)
LANGUAGE plpgsql
AS $$
DECLARE
    k gateway.idempotency_key;
BEGIN
    SELECT * INTO k
    FROM gateway.idempotency_key AS x
    WHERE x.merchant_id = p_merchant_id AND x.key = p_key
    FOR UPDATE;
    IF NOT FOUND THEN
        -- It was purged between the caller's look and this one: a repeat begins afresh.
        PERFORM gateway.refuse('UNAVAILABLE', '{}');
    END IF;
    IF k.operation <> p_operation OR k.request_hash <> p_request_hash THEN
        PERFORM gateway.refuse('IDEMPOTENCY_KEY_REUSED', '{}');
    END IF;
    payment_id := k.payment_id;
    modification_id := k.modification_id;
    answer := k.answer;
    IF k.answer IS NOT NULL THEN
        disposition := 'REPLAYED';
    ELSIF k.lease_until > clock_timestamp() THEN
        disposition := 'IN_FLIGHT';
    ELSE
        disposition := 'RESUME';
        UPDATE gateway.idempotency_key AS x
        SET lease_until = clock_timestamp() + p_lease_ms * interval '1 millisecond'
        WHERE x.merchant_id = p_merchant_id AND x.key = p_key;
    END IF;
END;
$$;
