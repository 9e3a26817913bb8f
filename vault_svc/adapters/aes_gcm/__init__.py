"""Authenticated encryption with AES-256-GCM."""
