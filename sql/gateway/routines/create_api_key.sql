-- Keeps the hash of a new API key of a merchant. At most 100 active keys each; the merchant's row lock keeps concurrent
-- calls from passing the limit. An operator's key has no merchant and is not made here, for the gateway may call this:
-- its process alone must not be able to make the two keys that approve an operation. See gateway.ensure_operator_key.
CREATE OR REPLACE FUNCTION gateway.create_api_key(
    p_key_id text, p_merchant_id text, p_scope integer, p_live boolean, p_prefix text, p_sha256 bytea,
    OUT api_key jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    c_limit CONSTANT integer := 100;
    k gateway.api_key;
BEGIN
    PERFORM FROM gateway.merchant AS m WHERE m.id = p_merchant_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('MERCHANT_NOT_FOUND', jsonb_build_object('merchant_id', coalesce(p_merchant_id, '')));
    END IF;
    IF c_limit <= (
        SELECT count(*)
        FROM gateway.api_key AS x
        WHERE x.merchant_id = p_merchant_id AND x.revoked_at IS NULL
    ) THEN
        PERFORM gateway.refuse('API_KEY_LIMIT', jsonb_build_object('limit', c_limit));
    END IF;
    INSERT INTO gateway.api_key (id, merchant_id, scope, live, prefix, sha256)
    VALUES (p_key_id, p_merchant_id, p_scope, p_live, p_prefix, p_sha256)
    RETURNING * INTO k;
    api_key := gateway.api_key_view(k);
END;
$$;
