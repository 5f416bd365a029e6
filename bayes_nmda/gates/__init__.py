"""Whether a fit may be believed: each gate a row, with its value, its threshold and a verdict.

`fit` runs an engine and records the gates of what came out.
"""

from bayes_nmda.gates.convergence import diagnose
from bayes_nmda.gates.gated import fit

__all__ = ["diagnose", "fit"]
