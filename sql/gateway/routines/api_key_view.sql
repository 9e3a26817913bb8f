-- An API key as callers see it: all but its hash.
CREATE OR REPLACE FUNCTION gateway.api_key_view(k gateway.api_key) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', k.id,
        'merchant_id', k.merchant_id,
        'scope', k.scope,
        'live', k.live,
        'prefix', k.prefix,
        'created_us', gateway.microseconds(k.created_at),
        'revoked_us', gateway.microseconds(k.revoked_at)
    )
$$;
