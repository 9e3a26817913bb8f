-- Gives merchants' sealed cards for sending them to PSPs, uses up their codes, and writes the audit, in one transaction:
-- what is asked for at the same time costs one. The arrays go together; `place` counts from 1. The first payment that
-- takes a single-use token has it for good. Verdict: `taken`, `not_found`, `used` (by another payment) or
-- `key_destroyed`; whatever it is, each attempt is in the audit.
CREATE OR REPLACE FUNCTION vault.take_cards(
    p_merchant_ids text [],
    p_token_ids text [],
    p_purposes text [],
    p_payment_ids text [],
    p_callers text [],
    p_request_ids text []
)
RETURNS TABLE (
    place integer,
    verdict text,
    sealed_key bytea,
    sealed_card bytea,
    key_version integer,
    key_encryption_key_id text,
    wrapped_key bytea,
    sealed_code bytea,
    code_key_version integer,
    code_key_encryption_key_id text,
    code_wrapped_key bytea,
    brand text,
    last4 text,
    bin text,
    exp_month integer,
    exp_year integer,
    networks text [],
    funding text,
    issuer_country text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_code record;
    v_outcomes text[] := array_fill(''::text, ARRAY[cardinality(p_token_ids)]);
    v_details text[] := p_purposes;
BEGIN
    -- In one order, so that no two calls wait for each other in a circle.
    FOR take_cards.place IN
        SELECT given.place::integer FROM unnest(p_token_ids) WITH ORDINALITY AS given (token_id, place)
        ORDER BY given.token_id COLLATE "C", given.place
    LOOP
        -- Who finds the token free and was not the first to bind it looks again.
        FOR turn IN 1..2 LOOP
            -- Card and key in one look: a rotation between two would make the key of a card that is not under it any more.
            SELECT
                vault.may_take(card, p_payment_ids[take_cards.place]), card.sealed_key, card.sealed_card,
                card.key_version, data_key.key_encryption_key_id, data_key.wrapped_key, card.brand, card.last4,
                card.bin, card.exp_month, card.exp_year, card.networks, card.funding, card.issuer_country
            INTO
                verdict, sealed_key, sealed_card, key_version, key_encryption_key_id, wrapped_key, brand, last4, bin,
                exp_month, exp_year, networks, funding, issuer_country
            FROM vault.card AS card
            LEFT JOIN vault.data_key AS data_key
                ON data_key.merchant_id = card.merchant_id AND data_key.key_version = card.key_version
            WHERE card.token_id = p_token_ids[take_cards.place]
                AND card.merchant_id = p_merchant_ids[take_cards.place];
            EXIT WHEN take_cards.verdict IS DISTINCT FROM 'bind';
            -- The row lock makes sure that of two payments at once only one gets the token.
            UPDATE vault.card SET payment_id = left(p_payment_ids[take_cards.place], 64)
            WHERE token_id = p_token_ids[take_cards.place] AND payment_id IS NULL;
        END LOOP;
        verdict := CASE
            WHEN take_cards.verdict IS NULL THEN 'not_found'
            WHEN take_cards.verdict = 'taken' AND take_cards.wrapped_key IS NULL THEN 'key_destroyed'
            ELSE take_cards.verdict
        END;
        sealed_code := NULL; code_key_version := NULL; code_key_encryption_key_id := NULL; code_wrapped_key := NULL;
        IF take_cards.verdict <> 'taken' THEN
            sealed_key := NULL; sealed_card := NULL; wrapped_key := NULL;
        ELSIF p_purposes[take_cards.place] = 'authorization' THEN
            -- The row lock makes sure that of two authorizations at once only one gets the code.
            DELETE FROM vault.card_code AS code WHERE code.token_id = p_token_ids[take_cards.place]
            RETURNING code.sealed_code, code.key_version, code.expires_at INTO v_code;
            IF v_code.expires_at > now() THEN
                SELECT v_code.sealed_code, data_key.key_version, data_key.key_encryption_key_id, data_key.wrapped_key
                INTO sealed_code, code_key_version, code_key_encryption_key_id, code_wrapped_key
                FROM vault.data_key AS data_key
                WHERE data_key.merchant_id = p_merchant_ids[take_cards.place]
                    AND data_key.key_version = v_code.key_version AND data_key.wrapped_key IS NOT NULL;
            END IF;
        END IF;
        v_outcomes[take_cards.place] := take_cards.verdict;
        IF take_cards.sealed_code IS NOT NULL THEN
            v_details[take_cards.place] := v_details[take_cards.place] || ' with code';
        END IF;
        RETURN NEXT;
    END LOOP;
    PERFORM vault.append_audits(
        'detokenize', v_outcomes, p_callers, p_request_ids, p_merchant_ids, p_token_ids, p_payment_ids, v_details
    );
END;
$$;
