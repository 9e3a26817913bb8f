-- Names the event of an attempt that goes from SENDING, UNKNOWN, PENDING or ACTION_REQUIRED to p_to and takes its payment from
-- p_payment_status to p_next; null when nothing happened that is worth an event. Raises PY002 when the state machine has no such step.
CREATE OR REPLACE FUNCTION gateway.event_of_attempt(
    p_payment_id text,
    p_capture_method gateway.capture_method,
    p_payment_status gateway.payment_status,
    p_from gateway.attempt_status,
    p_to text,
    p_next text
) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_event text;
BEGIN
    IF p_payment_status = 'PROCESSING' OR (p_payment_status = 'REQUIRES_ACTION' AND p_from = 'ACTION_REQUIRED') THEN
        v_event := CASE p_to || ' ' || p_next
            WHEN 'APPROVED AUTHORIZED' THEN CASE WHEN p_capture_method = 'MANUAL' THEN 'PAYMENT_AUTHORIZED' END
            WHEN 'APPROVED SUCCEEDED' THEN CASE WHEN p_capture_method = 'AUTOMATIC' THEN 'PAYMENT_SUCCEEDED' END
            WHEN 'DECLINED PROCESSING' THEN 'ATTEMPT_FAILED'
            WHEN 'DECLINED DECLINED' THEN 'PAYMENT_DECLINED'
            WHEN 'NOT_SENT PROCESSING' THEN 'ATTEMPT_FAILED'
            WHEN 'NOT_SENT DECLINED' THEN CASE WHEN gateway.any_declined(p_payment_id) THEN 'PAYMENT_DECLINED' END
            WHEN 'NOT_SENT FAILED' THEN CASE WHEN NOT gateway.any_declined(p_payment_id) THEN 'PAYMENT_FAILED' END
            WHEN 'UNKNOWN PROCESSING' THEN 'ATTEMPT_UNKNOWN'
            WHEN 'PENDING PROCESSING' THEN 'ATTEMPT_PENDING'
            WHEN 'ACTION_REQUIRED REQUIRES_ACTION' THEN 'PAYMENT_REQUIRES_ACTION'
            WHEN 'ACTION_REQUIRED PROCESSING' THEN 'ATTEMPT_PENDING'
        END;
    END IF;
    IF v_event IS NULL THEN
        PERFORM gateway.fault(format(
            'an attempt of payment %s (%s, %s) can''t go from %s to %s and take the payment to %s',
            p_payment_id, p_capture_method, p_payment_status, p_from, coalesce(p_to, 'null'), coalesce(p_next, 'null')
        ));
    END IF;
    RETURN CASE WHEN p_from::text = p_to THEN NULL ELSE v_event END;
END;
$$;
