"""The oracle: what it saw, the figures it took from that, two rules, and why it proposes or does not."""
