-- Tells in a payment that has just ended DECLINED or FAILED why: the code of the last attempt that an issuer or PSP
-- declined, as no PSP's being out of reach afterwards says more; without one, the code of the last attempt.
CREATE OR REPLACE FUNCTION gateway.set_decline(p gateway.payment) RETURNS gateway.payment
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE gateway.payment AS x
    SET decline_code = last.code, decline_raw_code = last.raw_code
    FROM (
        SELECT a.code, a.raw_code
        FROM gateway.attempt AS a
        WHERE a.payment_id = p.id
        ORDER BY a.status = 'DECLINED' DESC, a.ordinal DESC
        LIMIT 1
    ) AS last
    WHERE x.id = p.id
    RETURNING x.* INTO p;
    RETURN p;
END;
$$;
