-- A review with its evidence: what was asked and said, all that contradicted the record, what was decided before, the payment, and
-- the capture, void or refund when it is about one, both as load_payment and load_modification give them. Refuses with REVIEW_NOT_FOUND.
CREATE OR REPLACE FUNCTION gateway.get_review(
    p_reference text, OUT review jsonb, OUT payment jsonb, OUT modification jsonb
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    r gateway.review;
BEGIN
    SELECT * INTO r FROM gateway.review AS x WHERE x.reference = p_reference;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('REVIEW_NOT_FOUND', jsonb_build_object('review_id', p_reference));
    END IF;
    review := gateway.review_view(r) || jsonb_build_object(
        'inquiries', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'number', q.number, 'told', q.told, 'code', q.code, 'raw_code', q.raw_code,
                'psp_reference', q.psp_reference, 'asked_us', gateway.microseconds(q.asked_at)
            ) ORDER BY q.number), '[]')
            FROM (
                -- The last ones; what an acknowledged operation was asked day after day says the same.
                SELECT * FROM gateway.inquiry AS i WHERE i.reference = p_reference ORDER BY i.number DESC LIMIT 100
            ) AS q
        ),
        'contradictions', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'told', c.told, 'told_us', gateway.microseconds(c.told_at)
            ) ORDER BY c.number), '[]')
            FROM (
                SELECT * FROM gateway.contradiction AS x WHERE x.reference = p_reference
                ORDER BY x.number DESC LIMIT 100
            ) AS c
        ),
        'decisions', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'version', d.version, 'action', d.action, 'effect', d.effect, 'psp_reference', d.psp_reference,
                'note', d.note, 'decided_by', d.decided_by, 'request_id', d.request_id,
                'decided_us', gateway.microseconds(d.decided_at)
            ) ORDER BY d.version), '[]')
            FROM (
                SELECT * FROM gateway.review_decision AS x WHERE x.reference = p_reference
                ORDER BY x.version DESC LIMIT 100
            ) AS d
        )
    );
    payment := (SELECT x.payment FROM gateway.load_payment(r.payment_id) AS x);
    IF r.kind <> 'AUTHORIZE' THEN
        modification := (SELECT x.modification FROM gateway.load_modification(p_reference) AS x);
    END IF;
END;
$$;
