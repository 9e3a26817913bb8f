"""What every service shares: server, channels, identity, errors, settings, telemetry and the database pool."""
