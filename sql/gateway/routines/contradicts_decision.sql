-- Whether what is told of an attempt or modification that is recorded as p_recorded contradicts the operator who decided so. A
-- decline that is not definite says nothing of it.
CREATE OR REPLACE FUNCTION gateway.contradicts_decision(
    p_reference text, p_recorded text, p_told text, p_psp_reference text, p_code text
) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT (
        (p_told IN ('APPROVED', 'SUCCEEDED') AND p_recorded IN ('DECLINED', 'NOT_SENT', 'FAILED'))
        OR (
            p_told IN ('DECLINED', 'FAILED') AND p_recorded IN ('APPROVED', 'SUCCEEDED')
            AND gateway.is_definite(p_psp_reference, p_code)
        )
    )
    AND EXISTS (SELECT FROM gateway.review_decision AS d WHERE d.reference = p_reference)
$$;
