"""The data sets of TensorFlow Datasets, read without TensorFlow."""
