-- Lets an attempt begin by the networks' rules about retries, or gives the code that forbids it; null lets it begin. Notes an
-- attempt that counts from its begin on: one that begins when a decline of the card is known that no approval followed.
-- The card's row is locked until the transaction ends, so that attempts that begin at once are counted one after the other.
-- The rules are told in gateway_svc/domain/retry_governor.py.
CREATE OR REPLACE FUNCTION gateway.retry_refusal(p gateway.payment, p_ordinal integer) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_now timestamptz;
    v_brand text;
    v_again boolean;
    v_by_merchant boolean := coalesce(p.stored_credential ->> 'initiator' = 'MERCHANT', false);
    c gateway.retry_card;
BEGIN
    SELECT * INTO c
    FROM gateway.retry_card AS x
    WHERE x.merchant_id = p.merchant_id AND x.card_key = p.card_key
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_now := clock_timestamp();
    v_brand := p.card ->> 'brand';
    IF c.stopped AND EXISTS (
        SELECT FROM gateway.retry_stop AS s
        WHERE s.merchant_id = p.merchant_id AND s.card_key = p.card_key
            AND gateway.is_never_again(
                v_brand, s.advice_code, s.network_code, s.code, s.declined_at, v_by_merchant
            )
            AND gateway.is_never_again(v_brand, s.advice_code, s.network_code, s.code, v_now, v_by_merchant)
    ) THEN
        RETURN 'do_not_retry';
    END IF;
    v_again := coalesce(c.declined_at > v_now - gateway.retry_window(), false);
    IF EXISTS (
        SELECT FROM gateway.retry_limits_in_force(v_brand, v_now) AS l
        WHERE (v_again OR NOT l.reattempts_only)
            AND l.attempts <= (
                SELECT count(*)
                FROM gateway.retry_attempt AS a
                WHERE a.merchant_id = p.merchant_id AND a.card_key = p.card_key
                    -- greatest leaves nulls out.
                    AND a.begun_at > greatest(v_now - l.period, CASE WHEN l.since_approval THEN c.approved_at END)
                    AND (a.reattempt OR NOT l.reattempts_only)
                    AND (NOT l.same_amount OR (a.amount = p.amount AND a.currency = p.currency))
            )
    ) THEN
        RETURN 'retry_limit_reached';
    END IF;
    IF v_again THEN
        INSERT INTO gateway.retry_attempt
            (payment_id, ordinal, merchant_id, card_key, amount, currency, reattempt, begun_at)
        VALUES (p.id, p_ordinal, p.merchant_id, p.card_key, p.amount, p.currency, true, v_now);
    END IF;
    RETURN NULL;
END;
$$;
