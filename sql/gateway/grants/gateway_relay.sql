-- The relays that publish events.
GRANT USAGE ON SCHEMA gateway TO gateway_relay;
GRANT EXECUTE ON FUNCTION gateway.outbox_batch, gateway.outbox_delete, gateway.outbox_backlog TO gateway_relay;
