-- Opens an attempt again that was recorded as not charged, so that its approval can be recorded: its payment waits between two
-- attempts, and an operator has found that the PSP did charge. Refuses when the payment has gone on, or has ended.
CREATE OR REPLACE FUNCTION gateway.reopen_attempt(p gateway.payment, p_reference text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE gateway.attempt AS x
    SET status = 'UNKNOWN', unsettled = true
    WHERE x.payment_id = p.id AND x.payment_id || '_' || x.ordinal = p_reference
        AND x.status IN ('DECLINED', 'NOT_SENT') AND p.status = 'PROCESSING'
        AND NOT EXISTS (
            SELECT FROM gateway.attempt AS y WHERE y.payment_id = x.payment_id AND y.ordinal > x.ordinal
        );
    IF NOT FOUND THEN
        PERFORM gateway.refuse('REVIEW_ACTION_NOT_POSSIBLE', jsonb_build_object(
            'review_id', p_reference, 'detail', 'the payment has gone on or has ended'
        ));
    END IF;
END;
$$;
