"""Where images come from: files that are downloaded, embedded or rendered here, and a user's own folders."""
