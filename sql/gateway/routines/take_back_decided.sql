-- Takes back what was recorded as charged and was not, as an operator has found. A success of it that is told later contradicts the
-- operator, so that it is not old news as after a reversal by the PSP.
CREATE OR REPLACE FUNCTION gateway.take_back_decided(p gateway.payment, p_reference text, p_code text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM gateway.modification AS x WHERE x.id = p_reference) THEN
        PERFORM gateway.take_back_approval(p, p_reference, p_code);
        RETURN;
    END IF;
    IF NOT (SELECT x.reversed FROM gateway.reverse_modification(p_reference, p_code, '') AS x) THEN
        PERFORM gateway.refuse('REVIEW_ACTION_NOT_POSSIBLE', jsonb_build_object(
            'review_id', p_reference, 'detail', 'a void, or a capture of which money was given back, can''t be taken back'
        ));
    END IF;
    UPDATE gateway.modification AS x SET reversed = false WHERE x.id = p_reference;
END;
$$;
