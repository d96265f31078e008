"""Long trials of the whole program: what is true after any death at any point under any fault of the exchange."""
