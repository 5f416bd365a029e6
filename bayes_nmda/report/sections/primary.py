"""The primary analysis: a measured benefit by drug, route and timepoint, and its scenarios."""

from __future__ import annotations

from bayes_nmda.report.sections import About, Kind

KIND = Kind(about=(About("differences"),), needs=("curve",), may=("pooling",), scenarios=True)
