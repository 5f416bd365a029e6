"""Which interval an answer gives: how probable, and with equal tails or the shortest.

An interval of equal tails keeps its meaning on every scale; a highest-density interval is the
shortest on the scale of the model, where the density has one peak.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

import numpy as np

from bayes_nmda.errors import UsageError
from bayes_nmda.query.distribution import Counted, Estimate

if TYPE_CHECKING:
    from bayes_nmda.query.draws import Floats

Kind = Literal["eti", "hdi"]
_KINDS: Final = ("eti", "hdi")
_GOLDEN: Final = 0.5 * (math.sqrt(5.0) - 1.0)
#: Narrows the lower tail's probability to a millionth of the room that it has.
_STEPS: Final = 30


class _Known(Protocol):
    """What an interval asks of a distribution."""

    def quantile(self, p: float) -> Estimate:
        """Return a quantile."""


class Interval(NamedTuple):
    """How probable an interval is, and which of all such it is."""

    level: float = 0.95
    kind: str = "eti"

    def said(self, noun: str = "credible") -> str:
        """Return its name, ``"95 % credible interval"``."""
        shape = "" if self.kind == "eti" else "highest-density "
        return f"{self.percent} {shape}{noun} interval"

    @property
    def percent(self) -> str:
        """Its probability in words, ``"95 %"``."""
        return f"{round(100 * self.level, 6):g} %"

    @property
    def about(self) -> str:
        """What an answer says of its intervals, ``"95 %, equal tails"``."""
        shape = "equal tails" if self.kind == "eti" else "highest density"
        return f"{self.percent}, {shape}"

    @property
    def z(self) -> float:
        """Half its width under a normal distribution, in standard deviations."""
        return NormalDist().inv_cdf(0.5 + 0.5 * self.level)

    def ends(self, distribution: _Known) -> tuple[Estimate, Estimate]:
        """Return its ends, each with its error."""
        low = 0.5 * (1.0 - self.level)
        if self.kind == "hdi":
            low = _lower_tail(distribution, self.level)
        return distribution.quantile(low), distribution.quantile(min(low + self.level, 1.0))

    def tails(self, values: Floats) -> tuple[float, float]:
        """Return the probabilities below its ends in draws of any shape."""
        low = 0.5 * (1.0 - self.level)
        if self.kind == "hdi":
            low = _lower_tail_of_draws(values, self.level)
        return low, min(low + self.level, 1.0)

    def of(self, values: Floats, *, whole: bool = False) -> tuple[float, float]:
        """Return its ends in draws of any shape; ``whole`` numbers are not interpolated."""
        tails = self.tails(values)
        low, high = (
            np.quantile(values, tails, method="inverted_cdf")
            if whole
            else np.quantile(values, tails)
        )
        return float(low), float(high)


#: What is given where a question does not say: 95 %, equal tails.
USUAL: Final = Interval()


def choose_interval(level: float, interval: str) -> Interval:
    """Return the interval that a question asks for.

    Raises
    ------
    UsageError
        If the level is no probability between 0 and 1, or the kind is unknown.
    """
    if interval not in _KINDS:
        raise UsageError(
            f"interval: found {interval!r}; allowed are 'eti' (equal tails) and 'hdi' (shortest)"
        )
    number = isinstance(level, (int, float)) and not isinstance(level, bool)
    if not number or not 0.0 < level < 1.0:
        raise UsageError(
            f"level: found {level!r}; allowed is a probability between 0 and 1, such as 0.95"
        )
    return Interval(float(level), interval)


def _lower_tail(distribution: _Known, level: float) -> float:
    """Return the probability below the shortest interval, by golden sections."""
    if isinstance(distribution, Counted):
        return _lower_tail_of_draws(distribution.draws, level)

    def width(p: float) -> float:
        return distribution.quantile(p + level).value - distribution.quantile(p).value

    tail = 1.0 - level
    low, high = 1e-6 * tail, (1.0 - 1e-6) * tail
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = width(left), width(right)
    for _ in range(_STEPS):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = width(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = width(right)
    return 0.5 * (low + high)


def _lower_tail_of_draws(values: Floats, level: float) -> float:
    """Return the same of draws: where as many of them as it takes lie closest together."""
    ordered = np.sort(values, axis=None)
    inside = max(1, math.ceil(level * (len(ordered) - 1)))
    widths = ordered[inside:] - ordered[:-inside]
    room = 1.0 - level
    return float(min(np.argmin(widths) / max(len(ordered) - 1, 1), room))
