"""Settings: what they are, what they accept, where they come from. Imports no TensorFlow."""
