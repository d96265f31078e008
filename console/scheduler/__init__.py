"""The background scheduler: leases, heartbeats, back-off. Knows the vault and the clock; jobs are given to it."""
