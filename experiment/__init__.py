"""The process around the models: configuration, training, checkpoints, records, evaluation, figures."""
