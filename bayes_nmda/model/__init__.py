"""What is assumed: model files, and the PyMC models they describe."""
