"""The files of a run: names, weights, state, records, trackers, the machine."""
