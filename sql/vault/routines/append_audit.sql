-- Adds one record to one of the chains, in the caller's transaction: `append_audits` says how.
CREATE OR REPLACE FUNCTION vault.append_audit(
    p_action text,
    p_outcome text,
    p_actor text,
    p_request_id text,
    p_merchant_id text,
    p_token_id text,
    p_payment_id text,
    p_detail text
)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
BEGIN
    PERFORM vault.append_audits(
        p_action, ARRAY[p_outcome], ARRAY[p_actor], ARRAY[p_request_id], ARRAY[p_merchant_id], ARRAY[p_token_id],
        ARRAY[p_payment_id], ARRAY[p_detail]
    );
END;
$$;
