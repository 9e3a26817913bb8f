-- The first events of the payments in the slots p_slots, without those of the payments p_without. A payment is in exactly
-- one of p_slot_count slots, and its events come in the order of seq: event n is committed before n + 1 can be written, so
-- that none is ever seen without those before it.
-- Published rows are deleted, and until vacuum comes their dead versions are many times the living ones. A walk along the
-- index skips what it has once found dead; a scan of the table reads all of it again each time, so it is switched off.
CREATE OR REPLACE FUNCTION gateway.outbox_batch(
    p_slots integer[], p_slot_count integer, p_limit integer, p_without text[]
)
RETURNS TABLE (
    "position" bigint, event_id text, payment_id text, merchant_id text, seq bigint, event_type text, data jsonb,
    occurred_us bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
BEGIN
    IF p_slot_count < 1 OR NOT p_slots <@ ARRAY(SELECT generate_series(0, p_slot_count - 1)) THEN
        PERFORM gateway.fault(format('there are no slots %s of %s', p_slots, p_slot_count));
    END IF;
    RETURN QUERY
    SELECT
        o.position, 'evt_' || substr(o.payment_id, 5) || '_' || o.seq, o.payment_id, o.merchant_id, o.seq,
        o.event_type, o.data, gateway.microseconds(o.occurred_at)
    FROM gateway.outbox AS o
    WHERE o.slot_hash % p_slot_count = ANY (p_slots) AND o.payment_id <> ALL (p_without)
    ORDER BY o.position
    LIMIT gateway.page_size(p_limit);
END;
$$;
