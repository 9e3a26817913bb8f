-- The workers that settle what outlives a request.
GRANT USAGE ON SCHEMA gateway TO gateway_worker;
GRANT EXECUTE ON FUNCTION
    gateway.record_attempt,
    gateway.begin_attempt,
    gateway.load_payment,
    gateway.require_review,
    gateway.record_modification,
    gateway.load_modification,
    gateway.stalled_work,
    gateway.take_tokens_to_keep,
    gateway.drop_token_to_keep,
    gateway.purge_idempotency_keys,
    gateway.purge_retries
TO gateway_worker;
