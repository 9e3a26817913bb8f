"""The gateway, as far as the connectors tell it anything."""
