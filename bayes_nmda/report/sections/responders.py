"""Responders: counted benefits, a change within one patient."""

from __future__ import annotations

from bayes_nmda.report.sections import About, Kind

KIND = Kind(about=(About("counts", "positive"),), lines=True, column=True)
