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


def needed(benefit: float) -> tuple[str, float]:
    """Return the kind, NNTB or NNTH, and the number needed of a risk difference.

    Parameters
    ----------
    benefit
        Difference of risks, positive where the drug helps.
    """
    kind = "NNTB" if benefit > 0 else "NNTH"
    return kind, 1.0 / abs(benefit) if benefit != 0 else math.inf


def needed_interval(low: float, high: float) -> str:
    """Return the interval in words, from the end with more benefit to that with more harm.

    Parameters
    ----------
    low, high
        Ends of the interval of the risk difference, positive where the drug helps.
    """
    best, worst = needed_words(high), needed_words(low)
    if low < 0 < high:
        return f"{worst} to \N{INFINITY} to {best}"
    ends = (best, worst) if low >= 0 else (worst, best)
    return f"{ends[0]} to {ends[1]}"


def needed_words(benefit: float) -> str:
    """Return ``"NNTH 5"``, with one decimal below 10."""
    kind, number = needed(benefit)
    if math.isinf(number):
        return f"{kind} \N{INFINITY}"
    return f"{kind} {number:.1f}" if number < 9.95 else f"{kind} {number:.0f}"
