"""How people fare: measured outcomes, in standard deviations or a familiar instrument."""

from __future__ import annotations

from bayes_nmda.report.sections import About, Kind

KIND = Kind(about=(About("differences"),), lines=True)
