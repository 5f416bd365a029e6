"""The log-Student-t distribution, which SciPy does not have: the exponential of a Student-t one.

Rhodes et al. 2015 give heterogeneity this form. It has no mean, so a model file mostly cuts it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

#: Logarithms beyond this are as good as infinite; squares of what is below it are still numbers.
_FARTHEST = 300.0


class _LogStudentT(stats.rv_continuous):
    """Of ``exp(s t)`` times the scale, where t has ``df`` degrees of freedom."""

    def _ppf(self, q: Any, *shapes: Any) -> Any:
        df, s = shapes
        return np.exp(np.clip(s * stats.t.ppf(q, df), -_FARTHEST, _FARTHEST))

    def _cdf(self, x: Any, *shapes: Any) -> Any:
        df, s = shapes
        return np.asarray(stats.t.cdf(np.log(x) / s, df))

    def _sf(self, x: Any, *shapes: Any) -> Any:
        df, s = shapes
        return np.asarray(stats.t.sf(np.log(x) / s, df))

    def _logpdf(self, x: Any, *shapes: Any) -> Any:
        df, s = shapes
        return np.asarray(stats.t.logpdf(np.log(x) / s, df) - np.log(s * x))

    def _pdf(self, x: Any, *shapes: Any) -> Any:
        return np.exp(self._logpdf(x, *shapes))


#: Shapes ``df`` and ``s``; ``scale`` is the median.
log_student_t = _LogStudentT(a=0.0, name="log_student_t", shapes="df, s")
