"""Faults on purpose, counted: what happens to runs that are killed, damaged or badly asked for."""
