-- A payment as callers and events see it, put together from its row and what the caller knows of the rest.
CREATE OR REPLACE FUNCTION gateway.payment_with(
    p gateway.payment, p_attempts jsonb, p_captures jsonb, p_voids jsonb
) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', p.id,
        'merchant_id', p.merchant_id,
        'status', p.status,
        'amount', p.amount,
        'currency', p.currency,
        'capture_method', p.capture_method,
        'token', p.token,
        'card', p.card,
        'merchant_reference', p.merchant_reference,
        'description', p.description,
        'metadata', p.metadata,
        'statement_descriptor', p.statement_descriptor,
        'store_card', p.store_card,
        'code_required', p.code_required,
        'cascade', p.cascade_settings,
        'three_ds_preference', p.three_ds_preference,
        'return_url', p.return_url,
        'next_action', CASE
            WHEN p.next_action IS NOT NULL
            THEN p.next_action || jsonb_build_object(
                'expire_us', gateway.microseconds(p.action_by),
                'left_seconds', greatest(ceil(extract(EPOCH FROM p.action_by - clock_timestamp())), 0)
            )
        END,
        'stored_credential', p.stored_credential,
        'three_ds', p.three_ds,
        'exemption', p.exemption,
        'amount_authorized', p.amount_authorized,
        'amount_captured', p.amount_captured,
        'amount_refunded', p.amount_refunded,
        'amount_capture_pending', p.amount_capture_pending,
        'amount_refund_pending', p.amount_refund_pending,
        'final_capture_pending', p.final_capture_pending,
        'void_pending', p.void_pending,
        'decline', CASE
            WHEN p.decline_code IS NOT NULL
            THEN jsonb_build_object('code', p.decline_code, 'raw_code', p.decline_raw_code)
        END,
        'under_review', p.under_review,
        'seq', p.seq,
        'attempts', p_attempts,
        'candidates', p.candidates,
        'captures', p_captures,
        'voids', p_voids,
        'created_us', gateway.microseconds(p.created_at),
        'updated_us', gateway.microseconds(p.updated_at)
    )
$$;
