-- What the card's network knows the agreement by under which a card was put on file: network_transaction_id, and its date when that
-- was told; null when nobody did. The payment that put it there may have named an older one, which then goes on holding.
CREATE OR REPLACE FUNCTION gateway.link_of_kept_card(p_merchant_id text, p_token text) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_named jsonb;
    v_told text;
BEGIN
    SELECT p.stored_credential, a.network_transaction_id INTO v_named, v_told
    FROM gateway.kept_token AS t
    JOIN gateway.payment AS p ON p.id = t.payment_id
    JOIN gateway.attempt AS a ON a.payment_id = t.payment_id AND a.status = 'APPROVED'
    WHERE t.merchant_id = p_merchant_id AND t.token = p_token;
    IF v_named ? 'network_transaction_id' THEN
        RETURN jsonb_strip_nulls(jsonb_build_object(
            'network_transaction_id', v_named -> 'network_transaction_id',
            'network_transaction_date', v_named -> 'network_transaction_date'
        ));
    END IF;
    -- As the networks make them; a PSP's own id of something else would be refused by other PSPs.
    IF v_told ~ '^[A-Za-z0-9]{9,36}$' THEN
        RETURN jsonb_build_object('network_transaction_id', v_told);
    END IF;
    RETURN NULL;
END;
$$;
