-- Keeps a sealed card under its new token, and its sealed code, when there is one, for fifteen minutes.
-- `p_fingerprint_key_ids` and `p_fingerprints` go together, the active key first; a number that any of them knows keeps
-- its fingerprint id. Nothing is kept with a key that is not the active one: `key_retired`, and the caller looks again.
CREATE OR REPLACE FUNCTION vault.keep_card(
    p_merchant_id text,
    p_token_id text,
    p_key_version integer,
    p_sealed_key bytea,
    p_sealed_card bytea,
    p_sealed_code bytea,
    p_brand text,
    p_last4 text,
    p_bin text,
    p_exp_month integer,
    p_exp_year integer,
    p_networks text [],
    p_funding text,
    p_issuer_country text,
    p_customer_id text,
    p_life_seconds integer,
    p_new_fingerprint_id text,
    p_fingerprint_key_ids text [],
    p_fingerprints bytea [],
    p_actor text,
    p_request_id text
)
RETURNS TABLE (verdict text, created_at timestamptz, expires_at timestamptz, fingerprint_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Shared among cards: until this one is kept, no fingerprint key is replaced. Else a number that is new could get one
    -- id under the old key from here, and another under both keys from whoever comes right after.
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('vault.fingerprint_key', 0));
    -- Not locked: a data key that is retired in this moment is destroyed only when it has been idle for a while.
    IF NOT vault.is_active_data_key(p_merchant_id, p_key_version)
        OR NOT vault.are_fingerprint_keys(p_fingerprint_key_ids)
    THEN
        RETURN QUERY SELECT 'key_retired'::text, NULL::timestamptz, NULL::timestamptz, NULL::text;
        RETURN;
    END IF;
    verdict := 'kept';
    fingerprint_id := vault.recognise_card(
        p_merchant_id, p_fingerprint_key_ids, p_fingerprints, p_new_fingerprint_id
    );
    INSERT INTO vault.card (
        token_id, merchant_id, key_version, sealed_key, sealed_card, brand, last4, bin, exp_month, exp_year,
        networks, funding, issuer_country, customer_id, usage, expires_at, fingerprint_id
    )
    VALUES (
        p_token_id, p_merchant_id, p_key_version, p_sealed_key, p_sealed_card, p_brand, p_last4, p_bin, p_exp_month,
        p_exp_year, p_networks, p_funding, p_issuer_country, p_customer_id,
        CASE WHEN p_life_seconds IS NULL THEN 'permanent' ELSE 'single_use' END,
        now() + make_interval(secs => p_life_seconds), keep_card.fingerprint_id
    )
    RETURNING card.created_at, card.expires_at INTO created_at, expires_at;

    IF p_sealed_code IS NOT NULL THEN
        INSERT INTO vault.card_code (token_id, key_version, sealed_code, expires_at)
        VALUES (p_token_id, p_key_version, p_sealed_code, keep_card.created_at + interval '15 minutes');
    END IF;
    PERFORM vault.append_audit(
        'create_token', 'done', p_actor, p_request_id, p_merchant_id, p_token_id, '', ''
    );
    RETURN NEXT;
END;
$$;
