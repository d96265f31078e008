"""What the program costs, measured: `make bench`. None of it runs with the tests."""
