-- Adds records of one action to one of the chains, in the caller's transaction, in the order given; texts longer than
-- they may be are cut. A transaction has one chain, so that no two can wait for each other, and transactions one after
-- the other have different ones. The hash covers the hash before it and each field led by its length, so that no two
-- records have the same bytes.
CREATE OR REPLACE FUNCTION vault.append_audits(
    p_action text,
    p_outcomes text [],
    p_actors text [],
    p_request_ids text [],
    p_merchant_ids text [],
    p_token_ids text [],
    p_payment_ids text [],
    p_details text []
)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
DECLARE
    v_chain integer := (pg_current_xact_id()::text::numeric % 32)::integer;
    v_sequence bigint;
    v_hash bytea;
    v_hashes bytea[] := '{}';
    v_now timestamptz;
    v_field text;
BEGIN
    -- Whoever has the same chain waits until this transaction ends: it is the last thing that a procedure does.
    SELECT sequence, hash INTO v_sequence, v_hash FROM vault.audit_chain WHERE chain = v_chain FOR UPDATE;
    -- Read with the chain in hand: along a chain, time goes one way.
    v_now := clock_timestamp();
    FOR place IN 1..cardinality(p_outcomes) LOOP
        FOREACH v_field IN ARRAY ARRAY[
            v_chain::text, (v_sequence + place)::text, (extract(EPOCH FROM v_now) * 1000000)::bigint::text,
            p_action, p_outcomes[place], left(p_actors[place], 128), left(p_request_ids[place], 128),
            left(p_merchant_ids[place], 64), left(p_token_ids[place], 64), left(p_payment_ids[place], 64),
            left(p_details[place], 1000)
        ] LOOP
            v_hash := v_hash || int4send(octet_length(v_field)) || convert_to(v_field, 'UTF8');
        END LOOP;
        v_hash := sha256(v_hash);
        v_hashes := v_hashes || v_hash;
    END LOOP;
    UPDATE vault.audit_chain SET sequence = v_sequence + cardinality(v_hashes), hash = v_hash WHERE chain = v_chain;
    INSERT INTO vault.audit_record (
        chain, sequence, recorded_at, action, outcome, actor, request_id, merchant_id, token_id, payment_id, detail, hash
    )
    SELECT
        v_chain, v_sequence + given.place, v_now, p_action, given.outcome, left(given.actor, 128),
        left(given.request_id, 128), left(given.merchant_id, 64), left(given.token_id, 64), left(given.payment_id, 64),
        left(given.detail, 1000), given.hash
    FROM
        unnest(
            p_outcomes, p_actors, p_request_ids, p_merchant_ids, p_token_ids, p_payment_ids, p_details, v_hashes
        ) WITH ORDINALITY AS given (
            outcome, actor, request_id, merchant_id, token_id, payment_id, detail, hash, place
        );
END;
$$;
