-- The one capture, void or refund of a payment that is recorded as failed and that a PSP may mean which says that it was done; null
-- when there is none or more than one. p_amount and p_psp_reference as in find_open_modification.
CREATE OR REPLACE FUNCTION gateway.find_failed_modification(
    p_payment_id text, p_kind text, p_amount bigint, p_psp_reference text, OUT id text
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
    SELECT CASE count(*) WHEN 1 THEN min(m.id) END
    FROM gateway.modification AS m
    WHERE m.payment_id = p_payment_id AND m.kind::text = p_kind AND m.status = 'FAILED' AND NOT m.reversed
        AND (p_amount IS NULL OR m.kind = 'VOID' OR m.amount = p_amount)
        AND (p_psp_reference = '' OR m.psp_reference IN ('', p_psp_reference))
        -- What the PSP tells may be old news of another one that was done.
        AND NOT EXISTS (
            SELECT FROM gateway.modification AS y
            WHERE y.payment_id = m.payment_id AND y.kind = m.kind AND y.status = 'SUCCEEDED'
                AND (p_psp_reference = '' OR y.psp_reference IN ('', p_psp_reference))
        )
$$;
