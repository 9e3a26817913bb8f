-- Adds the event that p.seq counts to the outbox; the caller holds the payment's row lock and has just raised seq.
-- Gives its position: a function with a result is called by a plain assignment, which is cheaper than PERFORM.
-- What is for the shopper's browser only is left out of it.
CREATE OR REPLACE FUNCTION gateway.add_event(
    p gateway.payment, p_event_type text, p_payment jsonb, p_attempt jsonb, p_modification jsonb
) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_position bigint;
BEGIN
    INSERT INTO gateway.outbox (payment_id, merchant_id, seq, slot_hash, event_type, data, occurred_at)
    VALUES (
        -- Masking keeps the hash from being negative; abs() would fail for the smallest integer.
        p.id, p.merchant_id, p.seq, hashtext(p.id) & 2147483647, p_event_type,
        jsonb_build_object(
            'payment', p_payment || '{"next_action": null, "return_url": ""}', 'attempt', p_attempt,
            'modification', p_modification
        ),
        p.updated_at
    )
    RETURNING position INTO v_position;
    RETURN v_position;
END;
$$;
