-- A merchant as callers see it.
CREATE OR REPLACE FUNCTION gateway.merchant_view(m gateway.merchant) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', m.id,
        'name', m.name,
        'card_code_required', m.card_code_required,
        'cascade', m.cascade_settings,
        'created_us', gateway.microseconds(m.created_at)
    )
$$;
