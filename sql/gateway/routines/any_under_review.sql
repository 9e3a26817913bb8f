-- Whether an operator must look at any attempt or modification of the payment.
CREATE OR REPLACE FUNCTION gateway.any_under_review(p_payment_id text) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM gateway.modification AS m WHERE m.payment_id = p_payment_id AND m.under_review
        UNION ALL
        SELECT FROM gateway.attempt AS a WHERE a.payment_id = p_payment_id AND a.under_review
    )
$$;
