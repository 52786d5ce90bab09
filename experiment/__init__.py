"""The process around the models: settings, training, evaluation, pictures, reports, files."""

import os

# TensorFlow reads these when it is imported, and whoever imports from here imports it later.
os.environ["KERAS_BACKEND"] = "tensorflow"
# TensorFlow uses oneDNN by itself on newer CPUs only; on others convolutions train 1.3 to 1.8 times as fast with it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
