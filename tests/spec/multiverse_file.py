"""The head of a file of choices about pain, for tests that add choices to it."""

HEAD = """
schema_version = 1
model = "pain_intensity"
title = "Some choices"
most = 100
seed = 1
ask = { direction = "benefit", at_least = [10], target = "mean" }
"""
