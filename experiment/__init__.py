"""Everything around the models: settings, training, evaluation, pictures, reports, files."""
