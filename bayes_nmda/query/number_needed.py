"""Numbers needed to treat, whose intervals may pass through infinity.

The number needed to treat is one over the risk difference. Where the interval of the difference
holds 0, the numbers between its ends are not those in between: they run from one end to infinity,
where the drug does nothing, and come back with the other sign. It is written NNTH 30 to ∞ to NNTB
12: needed to treat for one more harm (NNTH) or for one more benefit (NNTB).

References
----------
Altman 1998, BMJ 317:1309, doi:10.1136/bmj.317.7168.1309.
"""

from __future__ import annotations

import math
from typing import Final

#: Steps in which a number needed is printed.
_STEPS: Final = (0.1, 1.0, 5.0, 10.0, 50.0, 100.0)
#: From here on whole numbers are enough, and beyond the second it is only said to be more.
_WHOLE: Final = 9.95
_MOST: Final = 1000.0


def needed(benefit: float) -> tuple[str, float]:
    """Return the kind, NNTB or NNTH, and the number needed of a risk difference.

    A difference of exactly 0 has no kind; infinitely many people are needed for either.

    Parameters
    ----------
    benefit
        Difference of risks, positive where the drug helps.
    """
    if benefit == 0:
        return "", math.inf
    return "NNTB" if benefit > 0 else "NNTH", 1.0 / abs(benefit)


def needed_interval(
    low: float, high: float, *, error_low: float = 0.0, error_high: float = 0.0
) -> str:
    """Return the interval in words, the smaller number first; through infinity, the harm first.

    Where an end of the difference is exactly 0 the interval runs to infinity on one side only,
    ``"NNTB 12 to ∞"``.

    Parameters
    ----------
    low, high
        Ends of the interval of the risk difference, positive where the drug helps.
    error_low, error_high
        Their Monte Carlo standard errors.
    """
    best, worst = needed_words(high, error_high), needed_words(low, error_low)
    if low < 0 < high:
        return f"{worst} to \N{INFINITY} to {best}"
    ends = (best, worst) if low >= 0 else (worst, best)
    return f"{ends[0]} to {ends[1]}"


def needed_words(benefit: float, error: float = 0.0) -> str:
    """Return ``"NNTH 5.1"``, in steps no finer than its error, with one decimal below 10.

    Parameters
    ----------
    benefit
        Difference of risks, positive where the drug helps.
    error
        Its Monte Carlo standard error; that of the number is larger by the square of the number.
    """
    kind, number = needed(benefit)
    if math.isinf(number):
        return f"{kind} \N{INFINITY}".lstrip()
    if number > _MOST:
        return f"{kind} > {_MOST:.0f}"
    finest = max(error * number**2, _STEPS[0] if number < _WHOLE else _STEPS[1])
    step = next((step for step in _STEPS if step >= finest), _STEPS[-1])
    rounded = max(step * round(number / step), step)
    return f"{kind} {rounded:.{1 if step < 1 else 0}f}"
