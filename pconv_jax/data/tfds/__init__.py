"""Data sets of TensorFlow Datasets (TFDS), without TensorFlow."""
