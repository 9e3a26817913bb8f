-- Keeps a card of an import under a new permanent token, once for each id that the file gives. Verdict: `kept`, `known`
-- (the id came before: its token, also when that was deleted since), `reused` (the id came before with another number),
-- `key_retired` as vault.keep_card says it, or `not_begun`: no import of this merchant that this actor has begun and that is not over.
CREATE OR REPLACE FUNCTION vault.keep_imported_card(
    p_operation_id text,
    p_source_id text,
    p_merchant_id text,
    p_token_id text,
    p_key_version integer,
    p_sealed_key bytea,
    p_sealed_card bytea,
    p_brand text,
    p_last4 text,
    p_bin text,
    p_exp_month integer,
    p_exp_year integer,
    p_networks text [],
    p_funding text,
    p_issuer_country text,
    p_customer_id text,
    p_new_fingerprint_id text,
    p_fingerprint_key_ids text [],
    p_fingerprints bytea [],
    p_actor text,
    p_request_id text
)
RETURNS TABLE (verdict text, token_id text, created_at timestamptz, fingerprint_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_known vault.imported_card%ROWTYPE;
    v_number_has text;
BEGIN
    -- Shared with other cards of the import, not with its end: none is kept after that.
    PERFORM 1 FROM vault.controlled_operation AS operation
    WHERE operation.operation_id = p_operation_id AND operation.kind = 'import_cards'
        AND operation.merchant_id = p_merchant_id AND operation.begun_by = p_actor
        AND operation.finished_at IS NULL AND operation.expires_at > now()
    FOR SHARE;
    IF NOT FOUND THEN
        verdict := 'not_begun';
        RETURN NEXT;
        RETURN;
    END IF;

    -- Of the same line twice at once, the second waits here for the first.
    INSERT INTO vault.imported_card AS kept (operation_id, source_id, token_id, fingerprint_id)
    VALUES (p_operation_id, p_source_id, p_token_id, p_new_fingerprint_id)
    ON CONFLICT (operation_id, source_id) DO NOTHING;
    IF NOT FOUND THEN
        -- HMACs of keys that are not in use say nothing of the number.
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('vault.fingerprint_key', 0));
        IF NOT vault.are_fingerprint_keys(p_fingerprint_key_ids) THEN
            verdict := 'key_retired';
            RETURN NEXT;
            RETURN;
        END IF;
        SELECT * INTO v_known FROM vault.imported_card AS kept
        WHERE kept.operation_id = p_operation_id AND kept.source_id = p_source_id;
        SELECT known.fingerprint_id INTO v_number_has
        FROM unnest(p_fingerprint_key_ids, p_fingerprints) AS given (key_id, fingerprint)
        INNER JOIN vault.fingerprint AS known
            ON known.merchant_id = p_merchant_id
            AND known.key_id = given.key_id
            AND known.fingerprint = given.fingerprint
        LIMIT 1;
        verdict := CASE
            WHEN v_number_has = v_known.fingerprint_id THEN 'known'
            -- The number is recognised no more when its last token was deleted: then the id alone counts.
            WHEN v_number_has IS NULL AND NOT EXISTS (
                SELECT 1 FROM vault.fingerprint AS known WHERE known.fingerprint_id = v_known.fingerprint_id
            ) THEN 'known'
            ELSE 'reused'
        END;
        token_id := v_known.token_id;
        created_at := v_known.imported_at;
        fingerprint_id := v_known.fingerprint_id;
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT made.verdict, made.created_at, made.fingerprint_id INTO verdict, created_at, fingerprint_id
    FROM vault.keep_card(
        p_merchant_id, p_token_id, p_key_version, p_sealed_key, p_sealed_card, NULL, p_brand, p_last4, p_bin,
        p_exp_month, p_exp_year, p_networks, p_funding, p_issuer_country, p_customer_id, NULL, p_new_fingerprint_id,
        p_fingerprint_key_ids, p_fingerprints, p_actor, p_request_id
    ) AS made;
    token_id := p_token_id;
    IF verdict = 'kept' THEN
        UPDATE vault.imported_card AS kept SET fingerprint_id = keep_imported_card.fingerprint_id
        WHERE kept.operation_id = p_operation_id AND kept.source_id = p_source_id
            AND kept.fingerprint_id <> keep_imported_card.fingerprint_id;
    ELSE
        DELETE FROM vault.imported_card AS kept
        WHERE kept.operation_id = p_operation_id AND kept.source_id = p_source_id;
    END IF;
    RETURN NEXT;
END;
$$;
