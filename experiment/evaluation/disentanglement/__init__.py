"""Disentanglement scores: functions of codes [N, L] and factors [N, F], which know neither models nor data sets."""
