"""Vault and exchange kept in agreement: what differs is found before the next claim, and nothing else is."""
