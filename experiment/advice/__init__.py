"""Advice: what a run's own numbers say is wrong with it, and the flag that mends it."""
