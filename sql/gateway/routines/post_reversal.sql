-- Books the contrary of what a capture or refund booked that its PSP has taken back. p is the payment as it stands since.
CREATE OR REPLACE FUNCTION gateway.post_reversal(p gateway.payment, m gateway.modification) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    v_rest bigint;
BEGIN
    IF m.kind = 'REFUND' THEN
        PERFORM gateway.post(
            p, 'REFUND_REVERSED', m.id, 'psp_receivable:' || m.account, 'merchant_pending:' || m.merchant_id, m.amount
        );
        RETURN;
    END IF;
    PERFORM gateway.post(
        p, 'CAPTURE_REVERSED', m.id, 'merchant_pending:' || m.merchant_id, 'psp_receivable:' || m.account, m.amount
    );
    IF p.status <> 'AUTHORIZED' THEN
        RETURN;
    END IF;
    -- The hold is back, whole but for what other captures have taken.
    SELECT p.amount_authorized - p.amount_captured - coalesce(sum(e.amount), 0) INTO v_rest
    FROM gateway.journal AS j
    INNER JOIN gateway.entry AS e ON e.journal_id = j.id AND e.account = 'auth_hold'
    WHERE j.payment_id = p.id;
    PERFORM gateway.post(p, 'CAPTURE_REVERSED_RESTORES_HOLD', m.id, 'auth_hold', 'auth_hold_contra', v_rest);
END;
$$;
