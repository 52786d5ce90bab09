"""Pictures: of every run, on request, and of several runs."""
