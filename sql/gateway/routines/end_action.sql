-- The shopper of an attempt can't act any more: its payment is PROCESSING from then on, and nobody is shown where to send the
-- shopper. Changes nothing when the payment does not wait for the shopper, or not for this attempt.
CREATE OR REPLACE FUNCTION gateway.end_action(p_attempt_id text, OUT payment jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    p gateway.payment;
    a gateway.attempt;
BEGIN
    p := gateway.payment_of_attempt(p_attempt_id);
    SELECT * INTO a
    FROM gateway.attempt AS x WHERE x.payment_id = p.id AND x.payment_id || '_' || x.ordinal = p_attempt_id;
    IF p.status = 'REQUIRES_ACTION' AND a.status = 'ACTION_REQUIRED' THEN
        v_now := clock_timestamp();
        UPDATE gateway.attempt AS x SET swept_at = NULL, updated_at = v_now
        WHERE x.payment_id = p.id AND x.ordinal = a.ordinal
        RETURNING * INTO a;
        UPDATE gateway.payment AS x
        SET status = 'PROCESSING', next_action = NULL, action_by = NULL, seq = x.seq + 1, updated_at = v_now
        WHERE x.id = p.id
        RETURNING * INTO p;
        PERFORM gateway.add_event(p, 'ACTION_EXPIRED', gateway.payment_view(p), gateway.attempt_view(a), NULL);
    END IF;
    payment := gateway.payment_view(p);
END;
$$;
