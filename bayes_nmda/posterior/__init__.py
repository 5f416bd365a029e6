"""Posteriors: by NUTS, and exactly where the model is Gaussian; their gates and their store."""
