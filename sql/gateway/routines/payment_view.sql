-- A payment with its attempts, captures and voids, each in the order they began. Refunds have their own calls.
CREATE OR REPLACE FUNCTION gateway.payment_view(p gateway.payment) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_attempts jsonb;
    v_captures jsonb := '[]';
    v_voids jsonb := '[]';
BEGIN
    -- A payment that a network's rule stopped has no attempt.
    SELECT coalesce(jsonb_agg(gateway.attempt_view(a) ORDER BY a.ordinal), '[]') INTO v_attempts
    FROM gateway.attempt AS a
    WHERE a.payment_id = p.id;
    IF p.modification_count > 0 THEN
        SELECT
            coalesce(jsonb_agg(jsonb_build_object(
                'id', m.id, 'amount', m.amount, 'final', m.final, 'status', m.status, 'code', m.code,
                'raw_code', m.raw_code, 'details', m.details,
                'expected_us', gateway.microseconds(m.expected_by), 'created_us', gateway.microseconds(m.created_at)
            ) ORDER BY m.created_at, m.id) FILTER (WHERE m.kind = 'CAPTURE'), '[]'),
            coalesce(jsonb_agg(jsonb_build_object(
                'id', m.id, 'status', m.status, 'code', m.code,
                'raw_code', m.raw_code, 'details', m.details,
                'expected_us', gateway.microseconds(m.expected_by), 'created_us', gateway.microseconds(m.created_at)
            ) ORDER BY m.created_at, m.id) FILTER (WHERE m.kind = 'VOID'), '[]')
        INTO v_captures, v_voids
        FROM gateway.modification AS m
        WHERE m.payment_id = p.id;
    END IF;
    RETURN gateway.payment_with(p, v_attempts, v_captures, v_voids);
END;
$$;
