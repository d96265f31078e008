"""A second, independent statement of the gate's rules, held against the vault over random worlds."""
