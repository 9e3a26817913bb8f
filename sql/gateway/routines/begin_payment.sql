-- Creates a payment with its first attempt in SENDING, or finds the one that the idempotency key belongs to.
-- CREATED: key, payment, attempt and event are one transaction. REPLAYED: `answer` is what the first call got.
-- IN_FLIGHT: another call is at work on it. RESUME: nobody is, and the caller now holds the lease.
-- DECLINED: the card's network forbids another try. The payment was created and has ended, without any attempt; `answer` is what
-- the call gets. The decision that the candidates come from is recorded with the payment, and apart from it, encrypted, what proves
-- an authentication that was done elsewhere.
CREATE OR REPLACE FUNCTION gateway.begin_payment(
    p_payment_id text,
    p_merchant_id text,
    p_amount bigint,
    p_currency text,
    p_capture_method text,
    p_token text,
    p_card jsonb,
    p_merchant_reference text,
    p_description text,
    p_metadata jsonb,
    p_statement_descriptor text,
    p_candidates jsonb,
    p_idempotency_key text,
    p_request_hash bytea,
    p_lease_ms integer,
    p_store_card boolean DEFAULT false,
    p_card_on_file boolean DEFAULT false,
    p_fingerprint text DEFAULT '',
    p_three_ds_preference text DEFAULT 'AUTOMATIC',
    p_decision jsonb DEFAULT NULL,
    p_stored_credential jsonb DEFAULT NULL,
    p_three_ds jsonb DEFAULT NULL,
    p_exemption text DEFAULT NULL,
    p_sealed_cryptogram bytea DEFAULT NULL,
    p_return_url text DEFAULT '',
    p_action_seconds integer DEFAULT 1800,
    OUT disposition text,
    OUT payment jsonb,
    OUT answer jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_key record;
    v_attempt jsonb;
    v_position bigint;
    v_code_required boolean;
    v_on_file boolean;
    v_cascade_settings jsonb;
    v_refusal text;
    p gateway.payment;
    a gateway.attempt;
BEGIN
    INSERT INTO gateway.idempotency_key
        (merchant_id, key, operation, request_hash, payment_id, lease_until, created_at, expires_at)
    VALUES (
        p_merchant_id, p_idempotency_key, 'PAYMENT', p_request_hash, p_payment_id,
        v_now + p_lease_ms * interval '1 millisecond', v_now, v_now + interval '30 days'
    )
    ON CONFLICT (merchant_id, key) DO NOTHING;
    IF NOT FOUND THEN
        v_key := gateway.take_up_key(p_merchant_id, p_idempotency_key, 'PAYMENT', p_request_hash, p_lease_ms);
        SELECT * INTO p FROM gateway.payment AS x WHERE x.id = v_key.payment_id;
        disposition := v_key.disposition;
        answer := v_key.answer;
        payment := gateway.payment_view(p);
        RETURN;
    END IF;
    IF coalesce(jsonb_array_length(p_candidates), 0) = 0 THEN
        PERFORM gateway.refuse('NO_ELIGIBLE_ACCOUNT', jsonb_build_object('detail', 'no account is eligible'));
    END IF;
    SELECT m.card_code_required, m.cascade_settings INTO v_code_required, v_cascade_settings
    FROM gateway.merchant AS m WHERE m.id = p_merchant_id;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('MERCHANT_NOT_FOUND', jsonb_build_object('merchant_id', p_merchant_id));
    END IF;
    IF v_code_required OR p_stored_credential IS NOT NULL THEN
        -- Of a token that was kept just now the vault may not know yet.
        v_on_file := coalesce(p_card_on_file, false) OR EXISTS (
            SELECT FROM gateway.kept_token AS t WHERE t.merchant_id = p_merchant_id AND t.token = p_token
        );
        -- The setting is about shoppers' first payments. The code of a card on file was used by the payment that put it there, or
        -- stayed in the vault that the card came from; where the merchant starts a payment, nobody is there to type one.
        v_code_required := v_code_required AND NOT v_on_file
            AND coalesce(p_stored_credential ->> 'initiator' <> 'MERCHANT', true);
    END IF;
    INSERT INTO gateway.payment (
        id, merchant_id, status, amount, currency, capture_method, seq, token, card, merchant_reference,
        description, metadata, statement_descriptor, candidates, idempotency_key, store_card, code_required,
        cascade_settings, card_key, three_ds_preference, stored_credential, three_ds, exemption, return_url,
        action_seconds, created_at, updated_at
    )
    VALUES (
        p_payment_id, p_merchant_id, 'PROCESSING', p_amount, p_currency, p_capture_method::gateway.capture_method, 1,
        p_token, p_card, coalesce(p_merchant_reference, ''), coalesce(p_description, ''),
        coalesce(p_metadata, '{}'), coalesce(p_statement_descriptor, ''), p_candidates, p_idempotency_key,
        coalesce(p_store_card, false), v_code_required, v_cascade_settings,
        coalesce(nullif(p_fingerprint, ''), p_token),
        coalesce(p_three_ds_preference, 'AUTOMATIC')::gateway.three_ds_preference,
        gateway.credential_of(p_merchant_id, p_token, p_stored_credential, v_on_file), p_three_ds,
        p_exemption::gateway.exemption, coalesce(p_return_url, ''), coalesce(p_action_seconds, 1800), v_now, v_now
    )
    ON CONFLICT (merchant_id, merchant_reference) WHERE merchant_reference <> '' DO NOTHING
    RETURNING * INTO p;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('MERCHANT_REFERENCE_TAKEN', jsonb_build_object('payment_id', (
            SELECT x.id FROM gateway.payment AS x
            WHERE x.merchant_id = p_merchant_id AND x.merchant_reference = p_merchant_reference
                AND x.merchant_reference <> ''
        )));
    END IF;
    IF p_decision IS NOT NULL THEN
        INSERT INTO gateway.routing_decision (payment_id, decision) VALUES (p_payment_id, p_decision);
    END IF;
    IF p_sealed_cryptogram IS NOT NULL THEN
        INSERT INTO gateway.payment_cryptogram (payment_id, sealed) VALUES (p_payment_id, p_sealed_cryptogram);
    END IF;
    v_refusal := gateway.retry_refusal(p, 1);
    IF v_refusal IS NOT NULL THEN
        disposition := 'DECLINED';
        v_position := gateway.add_event(
            p, 'PAYMENT_CREATED', gateway.payment_with(p, '[]', '[]', '[]'), NULL, NULL
        );
        answer := gateway.end_unsent(p, v_refusal);
        payment := answer;
        RETURN;
    END IF;
    INSERT INTO gateway.attempt (payment_id, ordinal, account, status, route_reason, created_at, updated_at)
    VALUES (
        p_payment_id, 1, p_candidates -> 0 ->> 'account', 'SENDING', coalesce(p_candidates -> 0 ->> 'reason', ''),
        v_now, v_now
    )
    RETURNING * INTO a;
    disposition := 'CREATED';
    v_attempt := gateway.attempt_view(a);
    payment := gateway.payment_with(p, jsonb_build_array(v_attempt), '[]', '[]');
    v_position := gateway.add_event(p, 'PAYMENT_CREATED', payment, v_attempt, NULL);
END;
$$;
