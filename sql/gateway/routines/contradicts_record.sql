-- Whether what is told of an attempt or modification contradicts what is recorded of it as final: the PSP did what we believe it did
-- not, or did it a second time under another id of its own. A decline is held against operators alone: the PSP's own approval may have
-- answered a repetition. A decline that is not definite says nothing of it.
CREATE OR REPLACE FUNCTION gateway.contradicts_record(
    p_reference text,
    p_kind text,
    p_recorded text,
    p_recorded_psp_reference text,
    p_told text,
    p_psp_reference text,
    p_code text
) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN p_recorded IN ('DECLINED', 'NOT_SENT', 'FAILED') THEN
            p_told IN ('APPROVED', 'SUCCEEDED')
            -- An approval of another amount: nobody can say what was done, but something was.
            OR (p_told IN ('UNKNOWN', 'PENDING') AND coalesce(p_code, '') = 'amount_mismatch')
        WHEN p_told IN ('APPROVED', 'SUCCEEDED') THEN
            p_kind <> 'VOID' AND coalesce(p_psp_reference, '') <> '' AND p_recorded_psp_reference <> ''
            AND p_psp_reference <> p_recorded_psp_reference
        WHEN p_told IN ('DECLINED', 'FAILED') THEN
            gateway.is_definite(p_psp_reference, p_code)
            AND EXISTS (SELECT FROM gateway.review_decision AS d WHERE d.reference = p_reference)
        ELSE false
    END
$$;
