"""Bayesian evidence synthesis of NMDA-receptor antagonists for chronic pain."""
