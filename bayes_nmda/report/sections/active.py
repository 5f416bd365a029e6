"""Against other treatments: each comparison alone."""

from __future__ import annotations

from bayes_nmda.report.sections import About, Kind

KIND = Kind(about=(About(against="others"),), lines=True)
