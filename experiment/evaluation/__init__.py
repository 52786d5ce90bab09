"""Evaluation: numbers from arrays and models."""
