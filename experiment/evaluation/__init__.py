"""Numbers from arrays and models: bounds of the likelihood."""
