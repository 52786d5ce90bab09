"""What a run leaves on the disk: names, weights, state, records, TensorBoard."""
