"""Benefit and harm of one treatment together, from two fits that know nothing of each other."""
