"""The same models without MCMC: quadrature over the SDs, closed forms or one mode given them."""
