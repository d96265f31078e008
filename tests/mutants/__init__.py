"""Changes the rules one at a time and sees whether a test notices."""
