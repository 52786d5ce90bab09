"""Tables of images: a row each, with its scores and its codes."""
