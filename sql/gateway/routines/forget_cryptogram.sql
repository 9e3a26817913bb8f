-- Deletes what proves the authentication of a payment that has just been settled: no further attempt sends it. Part of the
-- transaction that settles it.
CREATE OR REPLACE FUNCTION gateway.forget_cryptogram(p gateway.payment) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF (p.three_ds ->> 'cryptogram')::boolean THEN
        DELETE FROM gateway.payment_cryptogram AS c WHERE c.payment_id = p.id;
    END IF;
END;
$$;
