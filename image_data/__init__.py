"""Where images come from: downloaded, embedded or rendered data sets, and a user's own folders."""
