-- The first events of the payments in a slot. A payment is in exactly one of p_slots slots, and its events come in the
-- order of seq: event n is committed before n + 1 can be written, so that none is ever seen without those before it.
CREATE OR REPLACE FUNCTION gateway.outbox_batch(p_slot integer, p_slots integer, p_limit integer)
RETURNS TABLE (
    "position" bigint, event_id text, payment_id text, merchant_id text, seq bigint, event_type text, data jsonb,
    occurred_us bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
BEGIN
    IF p_slots < 1 OR p_slot < 0 OR p_slot >= p_slots THEN
        PERFORM gateway.fault(format('there is no slot %s of %s', p_slot, p_slots));
    END IF;
    RETURN QUERY
    SELECT
        o.position, 'evt_' || substr(o.payment_id, 5) || '_' || o.seq, o.payment_id, o.merchant_id, o.seq,
        o.event_type, o.data, gateway.microseconds(o.occurred_at)
    FROM gateway.outbox AS o
    WHERE o.slot_hash % p_slots = p_slot
    ORDER BY o.position
    LIMIT gateway.page_size(p_limit);
END;
$$;
