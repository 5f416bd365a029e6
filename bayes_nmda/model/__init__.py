"""A `ModelSpec` and its effects as a PyMC model, and the index arrays that both engines share."""
