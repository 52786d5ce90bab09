"""report.html: the results of a run in one file that opens anywhere, with an explorer of its latent space."""
