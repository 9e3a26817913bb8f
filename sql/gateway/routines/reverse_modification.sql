-- Takes back a capture or refund that had succeeded, as its PSP does: the amount can be captured or refunded again, and the
-- ledger gets the contrary postings. `reversed` false leaves all as it was, for an operator to look at: a void, a capture of
-- a payment of which money was given back or is about to be, one that was settled otherwise. Twice changes nothing.
CREATE OR REPLACE FUNCTION gateway.reverse_modification(
    p_modification_id text, p_code text, p_raw_code text,
    OUT reversed boolean, OUT modification jsonb, OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    p gateway.payment;
    m gateway.modification;
BEGIN
    SELECT x.* INTO p
    FROM gateway.payment AS x
    WHERE x.id = (SELECT y.payment_id FROM gateway.modification AS y WHERE y.id = p_modification_id)
    FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.fault(format('there is no modification %s', p_modification_id));
    END IF;
    SELECT * INTO m FROM gateway.modification AS x WHERE x.id = p_modification_id;
    reversed := m.status = 'FAILED' AND m.reversed;
    IF m.status = 'SUCCEEDED' AND (
        m.kind = 'REFUND'
        OR (m.kind = 'CAPTURE' AND p.amount_refunded + p.amount_refund_pending = 0)
    ) THEN
        v_now := clock_timestamp();
        UPDATE gateway.modification AS x
        SET status = 'FAILED', reversed = true, code = coalesce(p_code, ''), raw_code = coalesce(p_raw_code, ''),
            updated_at = v_now
        WHERE x.id = p_modification_id
        RETURNING * INTO m;
        p := gateway.take_back(p, m);
        PERFORM gateway.post_reversal(p, m);
        PERFORM gateway.add_event(
            p, m.kind || '_FAILED', gateway.payment_view(p), NULL, gateway.modification_view(m)
        );
        reversed := true;
    END IF;
    modification := gateway.modification_view(m);
    payment := gateway.payment_view(p);
END;
$$;
