"""Several runs: what will be done is said, they are trained, then compared."""
