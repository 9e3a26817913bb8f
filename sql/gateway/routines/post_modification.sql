-- Books a capture, void or refund that succeeded. p is the payment as it stood before.
CREATE OR REPLACE FUNCTION gateway.post_modification(p gateway.payment, m gateway.modification) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    -- What is booked now carries the time of the modification, not of the payment's last change.
    p.updated_at := m.updated_at;
    IF m.kind = 'CAPTURE' THEN
        PERFORM gateway.post(
            p, 'CAPTURE', m.id, 'psp_receivable:' || m.account, 'merchant_pending:' || m.merchant_id, m.amount
        );
        PERFORM gateway.post(p, 'CAPTURE_RELEASES_HOLD', m.id, 'auth_hold_contra', 'auth_hold', m.amount);
        IF m.final THEN
            PERFORM gateway.post(
                p, 'FINAL_CAPTURE_RELEASES_REST', m.id, 'auth_hold_contra', 'auth_hold',
                p.amount_authorized - p.amount_captured - m.amount
            );
        END IF;
    ELSIF m.kind = 'VOID' THEN
        PERFORM gateway.post(p, 'VOID_RELEASES_HOLD', m.id, 'auth_hold_contra', 'auth_hold', p.amount_authorized);
    ELSE
        PERFORM gateway.post(
            p, 'REFUND', m.id, 'merchant_pending:' || m.merchant_id, 'psp_receivable:' || m.account, m.amount
        );
    END IF;
END;
$$;
