-- Replaces a merchant's settings. They are in force for payments that begin later.
CREATE OR REPLACE FUNCTION gateway.configure_merchant(
    p_merchant_id text, p_card_code_required boolean, p_cascade_settings jsonb DEFAULT '{}', OUT merchant jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
DECLARE
    m gateway.merchant;
BEGIN
    UPDATE gateway.merchant AS x
    SET card_code_required = p_card_code_required, cascade_settings = coalesce(p_cascade_settings, '{}')
    WHERE x.id = p_merchant_id
    RETURNING * INTO m;
    IF NOT FOUND THEN
        PERFORM gateway.refuse('MERCHANT_NOT_FOUND', jsonb_build_object('merchant_id', p_merchant_id));
    END IF;
    merchant := gateway.merchant_view(m);
END;
$$;
