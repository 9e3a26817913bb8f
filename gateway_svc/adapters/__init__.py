"""The gateway at its borders: each package translates one technology into the ports of the application."""
