-- The agreement that a payment about to begin belongs to, as it is recorded; null when the request names none. p_on_file tells that
-- the token is kept. A first use stores the card, any other uses it. What Payera keeps it can link: without a network transaction id,
-- a later use gets that of the payment that put the card on file. A payment that the merchant starts needs one or the other.
CREATE OR REPLACE FUNCTION gateway.credential_of(
    p_merchant_id text, p_token text, p_credential jsonb, p_on_file boolean
) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_credential jsonb := p_credential;
    v_link jsonb;
BEGIN
    IF v_credential IS NULL THEN
        RETURN NULL;
    END IF;
    IF NOT v_credential ? 'network_transaction_id' THEN
        IF v_credential ->> 'initiator' = 'MERCHANT' AND NOT p_on_file THEN
            PERFORM gateway.refuse('STORED_CREDENTIAL_UNKNOWN', jsonb_build_object('token_id', p_token));
        END IF;
        v_link := gateway.link_of_kept_card(p_merchant_id, p_token);
        v_credential := v_credential || coalesce(v_link, '{}');
    END IF;
    RETURN v_credential || jsonb_build_object('use', CASE
        WHEN v_credential ->> 'initiator' = 'MERCHANT' OR p_on_file OR v_credential ? 'network_transaction_id'
        THEN 'SUBSEQUENT'
        ELSE 'FIRST'
    END);
END;
$$;
