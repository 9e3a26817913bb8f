-- The PSP's id of the capture that a refund of p_amount gives back: that of the authorization when it captured at once, else
-- the first capture with enough left, refunds under way counted as used; empty when none has. For PSPs that refund captures.
CREATE OR REPLACE FUNCTION gateway.capture_to_refund(
    p gateway.payment, p_attempt_psp_reference text, p_amount bigint
) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE p.capture_method
        WHEN 'AUTOMATIC' THEN p_attempt_psp_reference
        ELSE coalesce((
            SELECT c.psp_reference
            FROM gateway.modification AS c
            WHERE c.payment_id = p.id AND c.kind = 'CAPTURE' AND c.status = 'SUCCEEDED' AND c.psp_reference <> ''
                AND c.amount - p_amount >= coalesce((
                    SELECT sum(r.amount)
                    FROM gateway.modification AS r
                    WHERE r.payment_id = p.id AND r.kind = 'REFUND' AND r.status <> 'FAILED'
                        AND r.capture_psp_reference = c.psp_reference
                ), 0)
            ORDER BY c.created_at, c.id
            LIMIT 1
        ), '')
    END
$$;
