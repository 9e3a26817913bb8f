-- A review as operators see it, with what is recorded of the attempt or modification.
CREATE OR REPLACE FUNCTION gateway.review_view(r gateway.review) RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
    SELECT jsonb_build_object(
        'id', r.reference,
        'payment_id', r.payment_id,
        'merchant_id', r.merchant_id,
        'account', r.account,
        'kind', r.kind,
        'cause', r.cause,
        'told', r.told,
        'version', r.version,
        'opened_us', gateway.microseconds(r.opened_at),
        'closed_us', gateway.microseconds(r.closed_at),
        'open_seconds', CASE WHEN r.closed_at IS NULL THEN gateway.age_seconds(r.opened_at) ELSE 0 END,
        'amount', coalesce(m.amount, p.amount),
        'currency', p.currency,
        'status', coalesce(a.status::text, m.status::text),
        'psp_reference', coalesce(a.psp_reference, m.psp_reference),
        'code', coalesce(a.code, m.code),
        'raw_code', coalesce(a.raw_code, m.raw_code),
        'asks', coalesce(a.asks, m.asks),
        'not_founds', coalesce(a.not_founds, m.not_founds),
        'created_us', gateway.microseconds(coalesce(a.created_at, m.created_at))
    )
    FROM gateway.payment AS p
    LEFT JOIN gateway.attempt AS a
        ON r.kind = 'AUTHORIZE' AND a.payment_id = p.id AND a.payment_id || '_' || a.ordinal = r.reference
    LEFT JOIN gateway.modification AS m ON r.kind <> 'AUTHORIZE' AND m.id = r.reference
    WHERE p.id = r.payment_id
$$;
