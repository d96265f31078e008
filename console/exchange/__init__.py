"""The Bitvavo client: one half reads, the other half places and cancels, and neither can do the other's work."""
