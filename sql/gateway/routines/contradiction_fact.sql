-- What makes two words of a PSP about an operation one fact, whichever way they came: a webhook says more than an answer does. What was
-- left unsaid is as asked for.
CREATE OR REPLACE FUNCTION gateway.contradiction_fact(p_told jsonb, p_kind text, p_amount bigint, p_currency text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT jsonb_build_object(
        'subject', coalesce(p_told ->> 'subject', p_kind),
        'kind', p_told ->> 'kind',
        'code', CASE WHEN p_told ->> 'kind' = 'APPROVED' THEN '' ELSE coalesce(p_told ->> 'code', '') END,
        'psp_reference', coalesce(p_told ->> 'psp_reference', ''),
        'amount', coalesce(nullif((p_told ->> 'amount')::bigint, 0), p_amount),
        'currency', coalesce(nullif(p_told ->> 'currency', ''), p_currency),
        'reversal', coalesce((p_told ->> 'reversal')::boolean, false)
    )
$$;
