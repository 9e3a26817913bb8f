-- Notes that the vault is to keep the token of a payment that has just been approved; part of the transaction that records
-- the approval. Whoever recorded it tells the vault at once, so the sweep leaves them a moment.
CREATE OR REPLACE FUNCTION gateway.keep_token(p gateway.payment) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO gateway.kept_token (merchant_id, token, payment_id, kept_at)
    VALUES (p.merchant_id, p.token, p.id, p.updated_at)
    ON CONFLICT DO NOTHING;
    INSERT INTO gateway.token_to_keep (payment_id, merchant_id, token, next_try_at, created_at)
    VALUES (p.id, p.merchant_id, p.token, p.updated_at + interval '5 seconds', p.updated_at)
    ON CONFLICT DO NOTHING;
END;
$$;
