-- The workers that settle what outlives a request.
GRANT USAGE ON SCHEMA gateway TO gateway_worker;
GRANT EXECUTE ON FUNCTION
    gateway.record_attempt,
    gateway.begin_attempt,
    gateway.begin_reversal,
    gateway.record_reversal,
    gateway.load_payment,
    gateway.load_cryptogram,
    gateway.require_review,
    gateway.end_action,
    gateway.record_cancel,
    gateway.record_modification,
    gateway.load_modification,
    gateway.stalled_work,
    gateway.take_tokens_to_keep,
    gateway.drop_token_to_keep,
    gateway.purge_idempotency_keys,
    gateway.purge_retries
TO gateway_worker;
