"""Pictures: those of every run, those on request, and those of a study."""
