"""Reports: what is stale, what is built, and what may be published.

Plotting, tables and templates live here and nowhere else; asking whether a report is stale imports
none of them.
"""

from bayes_nmda.report.build import BuildResult, build_report
from bayes_nmda.report.staleness import what_is_stale

__all__ = ["BuildResult", "build_report", "what_is_stale"]
