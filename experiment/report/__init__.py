"""report.html: what a run gave, in one file that opens anywhere, with its latent space to move about in."""
