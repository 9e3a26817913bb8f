-- Takes the amount of a capture or refund that failed after its success out of its payment, and raises seq. A payment can
-- be captured again unless another capture was final: the PSP has released the rest with that one.
CREATE OR REPLACE FUNCTION gateway.take_back(p gateway.payment, m gateway.modification) RETURNS gateway.payment
LANGUAGE plpgsql
AS $$
DECLARE
    v_taken gateway.payment;
BEGIN
    UPDATE gateway.payment AS x
    SET seq = x.seq + 1,
        status = CASE
            WHEN m.kind = 'CAPTURE' AND NOT EXISTS (
                SELECT FROM gateway.modification AS y
                WHERE y.payment_id = x.id AND y.kind = 'CAPTURE' AND y.status = 'SUCCEEDED' AND y.final
            ) THEN 'AUTHORIZED'
            ELSE x.status
        END,
        amount_captured = x.amount_captured - CASE m.kind WHEN 'CAPTURE' THEN m.amount ELSE 0 END,
        amount_refunded = x.amount_refunded - CASE m.kind WHEN 'REFUND' THEN m.amount ELSE 0 END,
        updated_at = m.updated_at
    WHERE x.id = p.id
    RETURNING * INTO v_taken;
    RETURN v_taken;
END;
$$;
