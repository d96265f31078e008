"""The gauntlet: our order path and three common ones, each against the same faults at a private simulated exchange."""
