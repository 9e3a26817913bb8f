-- The one capture, void or refund of a payment that is under way; null when there is none or more than one. p_amount null:
-- of any amount. One that the PSP has named otherwise than p_psp_reference is another.
CREATE OR REPLACE FUNCTION gateway.find_open_modification(
    p_payment_id text, p_kind text, p_amount bigint, p_psp_reference text, OUT id text
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
    SELECT CASE count(*) WHEN 1 THEN min(m.id) END
    FROM gateway.modification AS m
    WHERE m.payment_id = p_payment_id AND m.kind::text = p_kind AND m.status IN ('SENDING', 'UNKNOWN', 'PENDING')
        AND (p_amount IS NULL OR m.kind = 'VOID' OR m.amount = p_amount)
        AND (p_psp_reference = '' OR m.psp_reference IN ('', p_psp_reference))
$$;
