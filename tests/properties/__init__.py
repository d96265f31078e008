"""The whole order path under random sequences of deeds, faults and deaths, with what must hold checked after each."""
