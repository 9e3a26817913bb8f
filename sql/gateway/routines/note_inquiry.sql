-- Keeps, as evidence for operators, what was said of an attempt or modification and settled nothing. p_number is its count of asks.
CREATE OR REPLACE FUNCTION gateway.note_inquiry(
    p_reference text, p_number integer, p_told text, p_code text, p_raw_code text, p_psp_reference text, p_now timestamptz
) RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO gateway.inquiry (reference, number, told, code, raw_code, psp_reference, asked_at)
    VALUES (
        p_reference, p_number, p_told, coalesce(p_code, ''), coalesce(p_raw_code, ''), coalesce(p_psp_reference, ''), p_now
    )
$$;
