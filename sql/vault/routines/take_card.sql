-- Gives a merchant's sealed card for sending it to a PSP, uses up its code, and writes the audit, in one transaction.
-- The first payment that takes a single-use token has it for good. Verdict: `taken`, `not_found`, `used` (by another
-- payment) or `key_destroyed`; whatever it is, the attempt is in the audit.
CREATE OR REPLACE FUNCTION vault.take_card(
    p_merchant_id text, p_token_id text, p_purpose text, p_payment_id text, p_caller text, p_request_id text
)
RETURNS TABLE (
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
    v_card vault.card%ROWTYPE;
    v_code vault.card_code%ROWTYPE;
BEGIN
    SELECT * INTO v_card FROM vault.card WHERE token_id = p_token_id AND merchant_id = p_merchant_id;
    verdict := vault.may_take(v_card, p_payment_id);
    IF verdict = 'bind' THEN
        -- The row lock makes sure that of two payments at once only one gets the token; the others look again.
        UPDATE vault.card SET payment_id = left(p_payment_id, 64)
        WHERE token_id = p_token_id AND (payment_id IS NULL OR payment_id = left(p_payment_id, 64));
        IF FOUND THEN
            verdict := 'taken';
        ELSE
            SELECT * INTO v_card FROM vault.card WHERE token_id = p_token_id AND merchant_id = p_merchant_id;
            verdict := vault.may_take(v_card, p_payment_id);
        END IF;
    END IF;
    IF verdict = 'taken' THEN
        SELECT data_key.key_version, data_key.key_encryption_key_id, data_key.wrapped_key
        INTO key_version, key_encryption_key_id, wrapped_key
        FROM vault.data_key AS data_key
        WHERE data_key.merchant_id = p_merchant_id AND data_key.key_version = v_card.key_version;
        verdict := CASE WHEN take_card.wrapped_key IS NULL THEN 'key_destroyed' ELSE verdict END;
    END IF;
    IF verdict = 'taken' THEN
        sealed_key := v_card.sealed_key; sealed_card := v_card.sealed_card;
        brand := v_card.brand; last4 := v_card.last4; bin := v_card.bin;
        exp_month := v_card.exp_month; exp_year := v_card.exp_year;
        networks := v_card.networks; funding := v_card.funding; issuer_country := v_card.issuer_country;
        IF p_purpose = 'authorization' THEN
            -- The row lock makes sure that of two authorizations at once only one gets the code.
            DELETE FROM vault.card_code AS code WHERE code.token_id = p_token_id RETURNING * INTO v_code;
            IF v_code.expires_at > now() THEN
                SELECT v_code.sealed_code, data_key.key_version, data_key.key_encryption_key_id, data_key.wrapped_key
                INTO sealed_code, code_key_version, code_key_encryption_key_id, code_wrapped_key
                FROM vault.data_key AS data_key
                WHERE data_key.merchant_id = p_merchant_id AND data_key.key_version = v_code.key_version
                    AND data_key.wrapped_key IS NOT NULL;
            END IF;
        END IF;
    END IF;
    PERFORM vault.append_audit(
        'detokenize', take_card.verdict, p_caller, p_request_id, p_merchant_id, p_token_id, p_payment_id,
        p_purpose || CASE WHEN take_card.sealed_code IS NOT NULL THEN ' with code' ELSE '' END
    );
    RETURN NEXT;
END;
$$;
