-- Adds a record to one of the chains, in the caller's transaction; texts longer than they may be are cut. A transaction
-- has one chain, so that no two can wait for each other, and transactions one after the other have different ones.
-- The hash covers the hash before it and each field led by its length, so that no two records have the same bytes.
CREATE OR REPLACE FUNCTION vault.append_audit(
    p_action text,
    p_outcome text,
    p_actor text,
    p_request_id text,
    p_merchant_id text,
    p_token_id text,
    p_payment_id text,
    p_detail text
)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
DECLARE
    v_chain vault.audit_chain%ROWTYPE;
    v_now timestamptz := clock_timestamp();
    v_fields text[];
    v_field text;
    v_text bytea;
BEGIN
    -- Whoever has the same chain waits until this transaction ends: it is the last thing that a procedure does.
    SELECT * INTO v_chain FROM vault.audit_chain
    WHERE chain = (pg_current_xact_id()::text::numeric % 32)::integer FOR UPDATE;
    v_fields := ARRAY[
        v_chain.chain::text, (v_chain.sequence + 1)::text, (extract(EPOCH FROM v_now) * 1000000)::bigint::text,
        p_action, p_outcome, left(p_actor, 128), left(p_request_id, 128), left(p_merchant_id, 64),
        left(p_token_id, 64), left(p_payment_id, 64), left(p_detail, 1000)
    ];
    v_text := v_chain.hash;
    FOREACH v_field IN ARRAY v_fields LOOP
        v_text := v_text || int4send(octet_length(v_field)) || convert_to(v_field, 'UTF8');
    END LOOP;
    UPDATE vault.audit_chain SET sequence = v_chain.sequence + 1, hash = sha256(v_text) WHERE chain = v_chain.chain;
    INSERT INTO vault.audit_record (
        chain, sequence, recorded_at, action, outcome, actor, request_id, merchant_id, token_id, payment_id, detail, hash
    )
    VALUES (
        v_chain.chain, v_chain.sequence + 1, v_now, v_fields[4], v_fields[5], v_fields[6], v_fields[7], v_fields[8],
        v_fields[9], v_fields[10], v_fields[11], sha256(v_text)
    );
END;
$$;
