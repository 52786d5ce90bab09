"""Disentanglement scores: functions of codes [N, L] and factors [N, F]. They know neither models nor data sets."""
