"""The console: screen, command line, exchange client, simulated exchange, oracle, execution, scheduler."""
