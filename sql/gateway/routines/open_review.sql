-- Puts an attempt or modification into the operators' queue, or new evidence to one that is in it. The caller holds the lock of
-- the payment's row.
CREATE OR REPLACE FUNCTION gateway.open_review(
    p gateway.payment, p_reference text, p_account text, p_kind text, p_cause text, p_told jsonb, p_now timestamptz
) RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO gateway.review AS r (
        reference, payment_id, merchant_id, account, kind, cause, told, version, opened_at
    )
    VALUES (p_reference, p.id, p.merchant_id, p_account, p_kind, p_cause, p_told, 1, p_now)
    ON CONFLICT (reference) DO UPDATE
    SET cause = excluded.cause,
        told = excluded.told,
        version = r.version + 1,
        opened_at = CASE WHEN r.closed_at IS NULL THEN r.opened_at ELSE excluded.opened_at END,
        closed_at = NULL
$$;
