"""From an operator's decision to an order and its end: ticket, executor, reconcile, fills, keeper, halting."""
