-- An attempt as callers and events see it.
CREATE OR REPLACE FUNCTION gateway.attempt_view(a gateway.attempt) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', a.payment_id || '_' || a.ordinal,
        'ordinal', a.ordinal,
        'account', a.account,
        'status', a.status,
        'psp_reference', a.psp_reference,
        'code', a.code,
        'raw_code', a.raw_code,
        'route_reason', a.route_reason,
        'details', a.details,
        'expected_us', gateway.microseconds(a.expected_by),
        'asks', a.asks,
        'not_founds', a.not_founds,
        'late_asks', a.late_asks,
        'cancel', a.cancel,
        'cancels', a.cancels,
        'reversals', a.reversals,
        'reversal', a.reversal,
        'created_us', gateway.microseconds(a.created_at)
    )
$$;
