"""One random-effects meta-analysis, exact, and thousands of them at once.

Numbers go in, and no model file; loops are compiled (`compiled`). From the bottom up: priors
(`prior_syntax`, `named_priors`, `tau_priors`, `mu_priors`, `prior_densities`); the likelihood of
tau (`likelihood`); its modes and the panels of the rule (`modes`, `panels`, `quadrature`); the
posterior as a mixture of normals (`components`, `joining`, `mixture`, `tau_distribution`); what a
user sees (`analysis`, `result`, `marginals`, `batch`).
"""
