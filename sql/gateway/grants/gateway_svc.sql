-- The gateway's servers.
GRANT USAGE ON SCHEMA gateway TO gateway_svc;
GRANT EXECUTE ON FUNCTION
    gateway.begin_payment,
    gateway.find_operation,
    gateway.release_lease,
    gateway.record_attempt,
    gateway.load_payment,
    gateway.begin_modification,
    gateway.record_modification,
    gateway.load_modification,
    gateway.find_modification,
    gateway.find_open_modification,
    gateway.reverse_modification,
    gateway.report_contradiction,
    gateway.drop_token_to_keep,
    gateway.get_payment,
    gateway.list_payments,
    gateway.get_refund,
    gateway.list_refunds,
    gateway.create_merchant,
    gateway.configure_merchant,
    gateway.get_merchant,
    gateway.list_merchants,
    gateway.create_api_key,
    gateway.list_api_keys,
    gateway.revoke_api_key,
    gateway.look_up_key
TO gateway_svc;
