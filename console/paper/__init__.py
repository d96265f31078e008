"""A simulated Bitvavo: its own process, its own database, the real REST wire protocol."""
