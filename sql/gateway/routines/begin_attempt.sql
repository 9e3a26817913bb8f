-- Begins the next attempt of a cascade in SENDING. begun = false when just this attempt is there already: whoever began
-- it may have sent it, so the caller must settle it instead of sending; and when an operator has the payment meanwhile,
-- as a PSP says that it holds money which we believed declined. It also is when the payment has just ended instead: its card's
-- network forbids another try, or the payment began too long ago. Raises PY002 for anything else that does not fit.
CREATE OR REPLACE FUNCTION gateway.begin_attempt(
    p_payment_id text, p_ordinal integer, p_account text, p_route_reason text,
    OUT begun boolean, OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    v_count integer;
    v_open integer;
    v_same integer;
    v_tried boolean;
    v_moved timestamptz;
    v_limits record;
    v_refusal text;
    p gateway.payment;
    a gateway.attempt;
BEGIN
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p_payment_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', p_payment_id));
    END IF;
    SELECT
        count(*),
        count(*) FILTER (WHERE x.status NOT IN ('DECLINED', 'NOT_SENT')),
        count(*) FILTER (WHERE x.ordinal = p_ordinal AND x.account = p_account),
        coalesce(bool_or(x.account = p_account), false),
        max(x.updated_at)
    INTO v_count, v_open, v_same, v_tried, v_moved
    FROM gateway.attempt AS x
    WHERE x.payment_id = p_payment_id;
    -- A payment that moved after its last attempt did was ended here, by another run of this step.
    begun := v_same = 0 AND NOT p.under_review
        AND NOT (p.status IN ('DECLINED', 'FAILED') AND p.updated_at > v_moved);
    IF NOT begun THEN
        payment := gateway.payment_view(p);
        RETURN;
    END IF;
    v_limits := gateway.cascade_limits();
    IF p.status <> 'PROCESSING' OR v_open > 0 OR v_tried OR p_ordinal IS DISTINCT FROM v_count + 1
        OR p_ordinal > least(v_limits.max_attempts, (p.cascade_settings ->> 'max_attempts')::integer)
        OR NOT p.candidates @> jsonb_build_array(jsonb_build_object('account', p_account))
    THEN
        PERFORM gateway.fault(format(
            'payment %s (%s, %s attempts, %s of them open) can''t begin attempt %s at %s',
            p_payment_id, p.status, v_count, v_open, p_ordinal, p_account
        ));
    END IF;
    v_now := clock_timestamp();
    IF v_now > p.created_at + v_limits.patience THEN
        begun := false;
        payment := gateway.end_unsent(p, NULL);
        RETURN;
    END IF;
    v_refusal := gateway.retry_refusal(p, p_ordinal);
    IF v_refusal IS NOT NULL THEN
        begun := false;
        payment := gateway.end_unsent(p, v_refusal);
        RETURN;
    END IF;
    v_now := clock_timestamp();
    UPDATE gateway.attempt AS x SET unsettled = false WHERE x.payment_id = p_payment_id AND x.unsettled;
    INSERT INTO gateway.attempt (payment_id, ordinal, account, status, route_reason, created_at, updated_at)
    VALUES (p_payment_id, p_ordinal, p_account, 'SENDING', coalesce(p_route_reason, ''), v_now, v_now)
    RETURNING * INTO a;
    UPDATE gateway.payment AS x SET seq = x.seq + 1, updated_at = v_now WHERE x.id = p_payment_id RETURNING * INTO p;
    payment := gateway.payment_view(p);
    PERFORM gateway.add_event(p, 'ATTEMPT_STARTED', payment, gateway.attempt_view(a), NULL);
END;
$$;
