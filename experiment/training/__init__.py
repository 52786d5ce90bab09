"""The training step, the loop over the steps, and what both need."""
