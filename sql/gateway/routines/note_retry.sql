-- Notes what an attempt that has just ended means for later tries of its card; part of the transaction that records it.
-- Tells whether the card has a history.
CREATE OR REPLACE FUNCTION gateway.note_retry(p gateway.payment, a gateway.attempt) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    v_brand text := p.card ->> 'brand';
    v_ruled boolean;
    v_counts_first boolean;
    v_stops boolean;
BEGIN
    IF p.card_key = '' THEN
        RETURN false;
    END IF;
    IF a.status = 'APPROVED' THEN
        UPDATE gateway.retry_card AS x
        SET declined_at = NULL, approved_at = a.updated_at, updated_at = a.updated_at
        WHERE x.merchant_id = p.merchant_id AND x.card_key = p.card_key;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        IF EXISTS (
            SELECT FROM gateway.retry_limits_in_force(v_brand, a.updated_at) AS l WHERE NOT l.since_approval
        ) THEN
            DELETE FROM gateway.retry_attempt AS x WHERE x.payment_id = p.id AND x.ordinal = a.ordinal;
        ELSE
            DELETE FROM gateway.retry_attempt AS x WHERE x.merchant_id = p.merchant_id AND x.card_key = p.card_key;
        END IF;
        RETURN true;
    END IF;
    IF a.status = 'NOT_SENT' THEN
        DELETE FROM gateway.retry_attempt AS x WHERE x.payment_id = p.id AND x.ordinal = a.ordinal;
        RETURN FOUND;
    END IF;
    SELECT count(*) > 0, bool_or(NOT l.reattempts_only) INTO v_ruled, v_counts_first
    FROM gateway.retry_limits_in_force(v_brand, a.updated_at) AS l;
    IF NOT v_ruled THEN
        RETURN false;
    END IF;
    v_stops := gateway.is_never_again(
        v_brand, a.details ->> 'advice_code', a.details ->> 'network_code', a.code, a.updated_at
    );
    INSERT INTO gateway.retry_card AS x (merchant_id, card_key, declined_at, stopped, updated_at)
    VALUES (p.merchant_id, p.card_key, a.updated_at, v_stops, a.updated_at)
    ON CONFLICT (merchant_id, card_key) DO UPDATE
    SET declined_at = excluded.declined_at,
        stopped = x.stopped OR excluded.stopped,
        updated_at = excluded.updated_at;
    IF v_stops THEN
        INSERT INTO gateway.retry_stop (merchant_id, card_key, advice_code, network_code, code, declined_at)
        VALUES (
            p.merchant_id, p.card_key, coalesce(a.details ->> 'advice_code', ''),
            coalesce(a.details ->> 'network_code', ''), a.code, a.updated_at
        )
        ON CONFLICT (merchant_id, card_key, advice_code, network_code, code) DO UPDATE
        SET declined_at = excluded.declined_at;
    END IF;
    IF v_counts_first THEN
        INSERT INTO gateway.retry_attempt
            (payment_id, ordinal, merchant_id, card_key, amount, currency, reattempt, begun_at)
        VALUES (p.id, a.ordinal, p.merchant_id, p.card_key, p.amount, p.currency, false, a.created_at)
        -- A reattempt counts since it began.
        ON CONFLICT (payment_id, ordinal) DO NOTHING;
    END IF;
    RETURN true;
END;
$$;
