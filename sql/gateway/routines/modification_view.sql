-- A capture, void or refund as callers and events see it.
CREATE OR REPLACE FUNCTION gateway.modification_view(m gateway.modification) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', m.id,
        'payment_id', m.payment_id,
        'merchant_id', m.merchant_id,
        'kind', m.kind,
        'account', m.account,
        'payment_psp_reference', m.payment_psp_reference,
        'capture_psp_reference', m.capture_psp_reference,
        'status', m.status,
        'amount', m.amount,
        'currency', m.currency,
        'final', m.final,
        'reason', m.reason,
        'code', m.code,
        'raw_code', m.raw_code,
        'psp_reference', m.psp_reference,
        'details', m.details,
        'expected_us', gateway.microseconds(m.expected_by),
        'reversed', m.reversed,
        'asks', m.asks,
        'not_founds', m.not_founds,
        'under_review', m.under_review,
        'created_us', gateway.microseconds(m.created_at),
        'updated_us', gateway.microseconds(m.updated_at)
    )
$$;
