-- Who starts payments, under which agreements, and how the shopper was authenticated elsewhere. The columns have no default, so that
-- they are added without rewriting the table.

CREATE TYPE gateway.exemption AS ENUM (
    'LOW_VALUE', 'TRANSACTION_RISK', 'TRUSTED_BENEFICIARY', 'SECURE_CORPORATE'
);

ALTER TABLE gateway.payment
    ADD COLUMN stored_credential jsonb,
    ADD COLUMN three_ds jsonb,
    ADD COLUMN exemption gateway.exemption;
COMMENT ON COLUMN gateway.payment.stored_credential IS
'initiator, reason, use (FIRST or SUBSEQUENT), network_transaction_id, network_transaction_date; what is empty is left out. Null when the request said nothing: the shopper starts a payment that stands alone.';
COMMENT ON COLUMN gateway.payment.three_ds IS
'An authentication that was done elsewhere: version, eci, ds_transaction_id, trans_status, challenge_status, cryptogram (true when there is one); what is empty is left out. What the cryptogram is stands in gateway.payment_cryptogram.';

CREATE TABLE gateway.payment_cryptogram (
    payment_id text COLLATE "C" PRIMARY KEY,
    sealed bytea NOT NULL
);
COMMENT ON TABLE gateway.payment_cryptogram IS
'What proves the authentication of a payment that is not settled, encrypted by the gateway. A row comes with its payment and goes with the record that settles it. Beside the payment''s row, so that no view, event or answer made of that can hold it.';
