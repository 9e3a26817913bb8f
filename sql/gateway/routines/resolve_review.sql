-- Records what an operator has decided of a review, and does what the core makes of it (p_effect), in one transaction. p_version is
-- the review's that the operator has seen, p_seen and p_seen_payment the states that the core has judged by. Money moves by the
-- procedures that record any other outcome. The same decision a second time changes nothing: replayed is true.
-- Refuses with REVIEW_NOT_FOUND, REVIEW_SETTLED, REVIEW_CHANGED or REVIEW_ACTION_NOT_POSSIBLE.
CREATE OR REPLACE FUNCTION gateway.resolve_review(
    p_reference text,
    p_version bigint,
    p_action text,
    p_effect text,
    p_seen text,
    p_seen_payment text,
    p_status text,
    p_payment_status text,
    p_psp_reference text,
    p_code text,
    p_note text,
    p_decided_by text,
    p_request_id text,
    OUT replayed boolean,
    OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    v_applied boolean;
    r gateway.review;
    d gateway.review_decision;
    p gateway.payment;
    a gateway.attempt;
    m gateway.modification;
BEGIN
    SELECT x.* INTO p
    FROM gateway.payment AS x
    WHERE x.id = (SELECT y.payment_id FROM gateway.review AS y WHERE y.reference = p_reference)
    FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('REVIEW_NOT_FOUND', jsonb_build_object('review_id', p_reference));
    END IF;
    SELECT * INTO r FROM gateway.review AS x WHERE x.reference = p_reference;
    SELECT * INTO d FROM gateway.review_decision AS x WHERE x.reference = p_reference AND x.version = p_version;
    replayed := FOUND AND (d.action, d.psp_reference, d.note, d.decided_by)
        = (p_action, p_psp_reference, p_note, p_decided_by);
    IF replayed THEN
        payment := gateway.payment_view(p);
        RETURN;
    END IF;
    IF r.closed_at IS NOT NULL THEN
        PERFORM gateway.refuse('REVIEW_SETTLED', jsonb_build_object('review_id', p_reference));
    END IF;
    SELECT * INTO a
    FROM gateway.attempt AS x WHERE x.payment_id = p.id AND x.payment_id || '_' || x.ordinal = p_reference;
    SELECT * INTO m FROM gateway.modification AS x WHERE x.id = p_reference AND x.payment_id = p.id;
    IF r.version <> p_version OR coalesce(a.status::text, m.status::text) IS DISTINCT FROM p_seen
        OR p.status::text IS DISTINCT FROM p_seen_payment
    THEN
        PERFORM gateway.refuse('REVIEW_CHANGED', jsonb_build_object('review_id', p_reference, 'version', r.version));
    END IF;
    v_now := clock_timestamp();
    INSERT INTO gateway.review_decision (
        reference, version, action, effect, psp_reference, note, decided_by, request_id, decided_at
    )
    VALUES (
        p_reference, p_version, p_action, p_effect, p_psp_reference, p_note, p_decided_by, p_request_id, v_now
    );
    p := gateway.lift_review(p, p_reference, v_now);
    CASE p_effect
        WHEN 'CONFIRM' THEN NULL;
        WHEN 'ASK_AGAIN' THEN PERFORM gateway.ask_again(p.id, p_reference, p_psp_reference, v_now);
        WHEN 'END' THEN PERFORM gateway.end_unsent(p, NULL);
        WHEN 'TAKE_BACK' THEN PERFORM gateway.take_back_decided(p, p_reference, p_code);
        WHEN 'RECORD', 'REOPEN' THEN
            IF p_effect = 'REOPEN' AND m.id IS NULL THEN
                PERFORM gateway.reopen_attempt(p, p_reference);
            ELSIF p_effect = 'REOPEN' THEN
                PERFORM gateway.reopen_modification(p, m);
            END IF;
            v_applied := CASE
                WHEN m.id IS NULL THEN (
                    SELECT x.applied FROM gateway.record_attempt(
                        p.id, p_reference, p_status, p_payment_status, p_psp_reference, p_code, '', '',
                        false, false, '{}', true
                    ) AS x
                )
                ELSE (
                    SELECT x.applied FROM gateway.record_modification(
                        p_reference, p_status, p_psp_reference, p_code, '', false, false, '{}', false, true
                    ) AS x
                )
            END;
            IF NOT v_applied THEN
                PERFORM gateway.fault(format('review %s is of what is settled and can''t be recorded', p_reference));
            END IF;
    END CASE;
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p.id;
    payment := gateway.payment_view(p);
END;
$$;
