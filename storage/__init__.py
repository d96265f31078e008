"""The vault: SQLite rows, rules and transactions. Knows no screen and no network."""
