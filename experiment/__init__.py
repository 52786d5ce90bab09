"""The process around the models: settings, training, evaluation, pictures, reports, files."""
