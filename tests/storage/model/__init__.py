"""The life of one proposal as a small abstract machine whose every interleaving is walked."""
