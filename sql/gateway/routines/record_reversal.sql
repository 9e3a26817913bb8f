-- Records what a PSP says of a reversal of an attempt (p_told: CONFIRMED, REFUSED, ACKNOWLEDGED, UNCLEAR). p_number is the reversal's,
-- null when a webhook tells: it is then of the last one. Confirmed, the attempt ends as declined with reversed_unknown, and its
-- payment too unless p_moves_on; an approval of another authorization than was released goes to review. Refused, an approval that was
-- held back is recorded, as long as there was no other reversal that may have been done. Of an attempt that has ended nothing
-- changes, and a confirmation that contradicts its approval goes to review. Raises PY002 when no reversal was begun.
CREATE OR REPLACE FUNCTION gateway.record_reversal(
    p_payment_id text,
    p_attempt_id text,
    p_number integer,
    p_told text,
    p_moves_on boolean,
    p_code text,
    p_raw_code text,
    p_psp_reference text,
    OUT payment jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    p gateway.payment;
    a gateway.attempt;
BEGIN
    SELECT * INTO p FROM gateway.payment AS x WHERE x.id = p_payment_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('PAYMENT_NOT_FOUND', jsonb_build_object('payment_id', p_payment_id));
    END IF;
    SELECT * INTO a
    FROM gateway.attempt AS x WHERE x.payment_id = p_payment_id AND x.payment_id || '_' || x.ordinal = p_attempt_id;
    IF NOT FOUND OR a.reversals < coalesce(p_number, 1) OR p_told NOT IN ('CONFIRMED', 'REFUSED', 'ACKNOWLEDGED', 'UNCLEAR')
        OR (p_told = 'CONFIRMED' AND coalesce(p_psp_reference, '') = '')
    THEN
        PERFORM gateway.fault(format('attempt %s has no reversal %s that is %s', p_attempt_id, p_number, p_told));
    END IF;
    IF a.status NOT IN ('UNKNOWN', 'PENDING', 'ACTION_REQUIRED') THEN
        IF p_told = 'CONFIRMED' AND a.status = 'APPROVED' AND p.status <> 'VOIDED' THEN
            PERFORM gateway.report_contradiction(p_payment_id, p_attempt_id, jsonb_build_object(
                'subject', 'REVERSE', 'kind', 'APPROVED', 'code', p_code, 'raw_code', p_raw_code,
                'psp_reference', p_psp_reference
            ));
        END IF;
        SELECT gateway.payment_view(x) INTO payment FROM gateway.payment AS x WHERE x.id = p_payment_id;
        RETURN;
    END IF;
    IF p_told = 'CONFIRMED' THEN
        SELECT r.payment INTO payment
        FROM gateway.record_attempt(
            p_payment_id, p_attempt_id, 'DECLINED', CASE WHEN p_moves_on THEN 'PROCESSING' ELSE 'DECLINED' END,
            p_psp_reference, 'reversed_unknown', p_raw_code, '', true, false, '{}'
        ) AS r;
        RETURN;
    END IF;
    v_now := clock_timestamp();
    UPDATE gateway.attempt AS x
    SET asks = x.asks + 1,
        reversal = CASE
            WHEN coalesce(p_number, x.reversals) <> x.reversals THEN x.reversal
            WHEN p_told = 'REFUSED' THEN 'REFUSED'
            WHEN p_told = 'ACKNOWLEDGED' AND x.reversal = 'SENT' THEN 'ACKNOWLEDGED'
            ELSE x.reversal
        END,
        swept_at = NULL,
        updated_at = v_now
    WHERE x.payment_id = p_payment_id AND x.ordinal = a.ordinal
    RETURNING * INTO a;
    PERFORM gateway.note_inquiry(
        p_attempt_id, a.asks, 'REVERSAL_' || p_told, p_code, p_raw_code, p_psp_reference, v_now
    );
    IF a.held_approval IS NOT NULL AND a.reversals = 1 AND a.reversal = 'REFUSED' THEN
        PERFORM gateway.record_attempt(
            p_payment_id, p_attempt_id, 'APPROVED',
            CASE p.capture_method WHEN 'AUTOMATIC' THEN 'SUCCEEDED' ELSE 'AUTHORIZED' END,
            a.held_approval ->> 'psp_reference', a.held_approval ->> 'code', a.held_approval ->> 'raw_code',
            a.held_approval ->> 'network_transaction_id', true, false, a.held_approval -> 'details'
        );
    END IF;
    SELECT gateway.payment_view(x) INTO payment FROM gateway.payment AS x WHERE x.id = p_payment_id;
END;
$$;
