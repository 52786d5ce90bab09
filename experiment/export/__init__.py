"""A model's encoder and decoder as files for other programs: SavedModel, ONNX, LiteRT, with a card beside them."""
