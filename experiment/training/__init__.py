"""The training step, the loop over it, and what it needs."""
