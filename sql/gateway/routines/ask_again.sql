-- Has an open attempt or modification asked for from the start of the schedule. Its age stays what it is: whether a PSP still knows
-- an idempotency key follows from that. A reference of the PSP is taken over when none was known.
CREATE OR REPLACE FUNCTION gateway.ask_again(
    p_payment_id text, p_reference text, p_psp_reference text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE gateway.attempt AS x
    SET asks_before = x.asks,
        not_founds = 0,
        late_asks = 0,
        asked_again_at = p_now,
        psp_reference = CASE x.psp_reference WHEN '' THEN p_psp_reference ELSE x.psp_reference END
    WHERE x.payment_id = p_payment_id AND x.payment_id || '_' || x.ordinal = p_reference;
    UPDATE gateway.modification AS x
    SET asks_before = x.asks,
        not_founds = 0,
        asked_again_at = p_now,
        psp_reference = CASE x.psp_reference WHEN '' THEN p_psp_reference ELSE x.psp_reference END
    WHERE x.id = p_reference;
END;
$$;
