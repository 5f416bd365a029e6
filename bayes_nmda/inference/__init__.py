"""Posteriors: by NUTS and by the exact engine, as a DataTree of the same groups."""
