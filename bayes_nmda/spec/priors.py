"""The vocabulary of priors: a name and numbers in, a SciPy or PyMC distribution out.

A `Prior` is a value read from a model file. SciPy gives its quantiles, so that a reader can be told
in plain words what it says; PyMC gives the random variable of the model. Scales are standard
deviations or scales of the named distribution, never variances. Truncation cuts a published prior
where the measurement scale ends; the mass cut off is reported, not hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda.errors import SpecError
from bayes_nmda.spec import prior_words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.stats._distn_infrastructure import rv_continuous_frozen

#: Each distribution with its parameters in the order of the tuple form ``("normal", 0, 10)``.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "normal": ("loc", "scale"),
    "student_t": ("df", "loc", "scale"),
    "logistic": ("loc", "scale"),
    "half_normal": ("scale",),
    "half_cauchy": ("scale",),
    "inverse_gamma": ("shape", "scale"),
    "log_normal": ("meanlog", "sdlog"),
    "log_student_t": ("df", "meanlog", "sdlog"),
    "exponential": ("rate",),
    "uniform": ("lower", "upper"),
    "beta": ("alpha", "beta"),
}
#: Parameters that must be above zero.
POSITIVE = frozenset({"df", "scale", "shape", "sdlog", "rate", "alpha", "beta"})
#: Distributions on the positive half line: the only ones a standard deviation may have.
FOR_SCALES = frozenset(
    {
        "half_normal",
        "half_cauchy",
        "inverse_gamma",
        "log_normal",
        "log_student_t",
        "exponential",
        "uniform",
    }
)
#: Units in which a prior is put in words as odds ratios, and as a risk.
LOG_ODDS_RATIO, LOG_ODDS = prior_words.LOG_ODDS_RATIO, prior_words.LOG_ODDS
_MOST_CUT = 0.99


@dataclass(frozen=True, slots=True)
class Prior:
    """One prior: distribution, numbers, where it stops, where it comes from.

    Attributes
    ----------
    distribution
        A key of `PARAMETERS`.
    parameters
        Name and value, in the order of `PARAMETERS`; on the scale of the effect measure.
    upper
        Where the prior is cut off; None for no cut.
    source
        Who proposed it: a citation, or a plain statement that it is this project's choice.
    reading
        What it says in the units of the outcome, "95 % between …".
    """

    distribution: str
    parameters: tuple[tuple[str, float], ...]
    upper: float | None = None
    source: str = "set by the user"
    reading: str = ""

    @classmethod
    def of(
        cls,
        distribution: str,
        *values: float,
        upper: float | None = None,
        source: str = "set by the user",
    ) -> Prior:
        """Return a prior from its tuple form, ``Prior.of("student_t", 5, 0, 10.75)``.

        Raises
        ------
        SpecError
            If the distribution is unknown or a number is missing or out of range.
        """
        names = PARAMETERS.get(distribution)
        if names is None:
            raise SpecError(
                f"prior: found the distribution {distribution!r}; allowed are "
                f"{', '.join(PARAMETERS)}"
            )
        if len(values) != len(names):
            raise SpecError(
                f"prior {distribution}: found {len(values)} numbers; it takes {len(names)}: "
                f"{', '.join(names)}"
            )
        try:
            numbers = tuple(zip(names, map(float, values), strict=True))
            cut = None if upper is None else float(upper)
        except (TypeError, ValueError) as error:
            raise SpecError(
                f"prior {distribution}: found {values!r}; allowed are numbers: {', '.join(names)}"
            ) from error
        prior = cls(distribution, numbers, cut, source)
        prior.check("prior")
        return prior

    @classmethod
    def from_mapping(cls, path: str, table: Mapping[str, Any]) -> Prior:
        """Return the prior that a table of a model file describes; ``path`` names it in errors."""
        names = PARAMETERS[table["distribution"]]
        missing = [name for name in names if name not in table]
        extra = sorted(
            set(table) - set(names) - {"distribution", "truncate_above", "source", "reading"}
        )
        if missing or extra:
            found = f"missing {', '.join(missing)}" if missing else f"found {', '.join(extra)}"
            raise SpecError(
                f"{path}: {found}; the distribution {table['distribution']!r} takes "
                f"{', '.join(names)}, and truncate_above, source, reading"
            )
        upper = table.get("truncate_above")
        prior = cls(
            table["distribution"],
            tuple((name, float(table[name])) for name in names),
            None if upper is None else float(upper),
            table["source"],
            table.get("reading", ""),
        )
        prior.check(path)
        return prior

    def check(self, path: str) -> None:
        """Raise `SpecError` when a number is not finite or lies outside its range."""
        for name, value in self.parameters:
            if not np.isfinite(value):
                raise SpecError(f"{path}.{name}: found {value}; allowed is a finite number")
            if name in POSITIVE and value <= 0:
                raise SpecError(f"{path}.{name}: found {value}; allowed is a number above 0")
        numbers = dict(self.parameters)
        if self.distribution == "uniform" and numbers["upper"] <= numbers["lower"]:
            raise SpecError(
                f"{path}.upper: found {numbers['upper']}; allowed is a number above lower, "
                f"{numbers['lower']}"
            )
        if self.upper is not None and not (np.isfinite(self.upper) and self.upper > 0):
            raise SpecError(
                f"{path}.truncate_above: found {self.upper}; allowed is a number above 0"
            )
        if self.upper is not None and self.distribution == "uniform":
            raise SpecError(
                f"{path}.truncate_above: found {self.upper:g}; a uniform prior ends at its upper, "
                "leave it out"
            )
        if self.mass_cut > _MOST_CUT:
            raise SpecError(
                f"{path}.truncate_above: found {self.upper:g}, which removes "
                f"{100 * self.mass_cut:.4g} % of the prior; allowed is a cut that leaves "
                f"{100 * (1 - _MOST_CUT):g} % or more"
            )

    def to_mapping(self) -> dict[str, Any]:
        """Return the table of a model file that describes this prior."""
        table: dict[str, Any] = {"distribution": self.distribution, **dict(self.parameters)}
        if self.upper is not None:
            table["truncate_above"] = self.upper
        return {**table, "source": self.source, "reading": self.reading}

    def untruncated(self) -> rv_continuous_frozen:
        """Return the SciPy distribution before any cut."""
        return _distribution(self.distribution, self.parameters)

    @property
    def mass_cut(self) -> float:
        """Probability that the untruncated prior puts above the cut, 0 to 1."""
        return 0.0 if self.upper is None else float(self.untruncated().sf(self.upper))

    def quantile(self, p: ArrayLike) -> NDArray[np.float64]:
        """Return quantiles of the prior after its cut; ``p`` in (0, 1), same shape."""
        return np.asarray(self.untruncated().ppf(np.asarray(p, float) * (1 - self.mass_cut)))

    def logpdf(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the log density at ``x`` after the cut, same shape."""
        values = np.asarray(x, float)
        log_density = self.untruncated().logpdf(values) - np.log1p(-self.mass_cut)
        if self.upper is None:
            return np.asarray(log_density)
        return np.where(values > self.upper, -np.inf, log_density)

    def describe(self, unit: str) -> str:
        """Return what the prior says in plain words, "95 % between −27.6 and 27.6 points"."""
        return prior_words.described(self, unit, FOR_SCALES)

    def formula(self) -> str:
        """Return the prior in symbols, "Student-t(5, 0, 10.75)"."""
        return prior_words.formula(self)

    def numbers(self) -> tuple[float, ...]:
        """Return the values of the parameters and, where the prior is cut, the cut."""
        cut = () if self.upper is None else (self.upper,)
        return tuple(value for _, value in self.parameters) + cut

    def with_numbers(self, numbers: ArrayLike) -> Prior:
        """Return a prior of the same family with the values that `numbers` gives of another."""
        values = [float(value) for value in np.asarray(numbers)]
        names = [name for name, _ in self.parameters]
        cut = values[len(names)] if self.upper is not None else None
        return replace(self, parameters=tuple(zip(names, values, strict=False)), upper=cut)


@lru_cache(maxsize=512)
def _distribution(name: str, parameters: tuple[tuple[str, float], ...]) -> rv_continuous_frozen:
    """Return a SciPy distribution; to make one takes longer than to evaluate it a few 100 times."""
    from scipy import stats

    p = dict(parameters)
    match name:
        case "normal":
            return stats.norm(p["loc"], p["scale"])
        case "student_t":
            return stats.t(p["df"], p["loc"], p["scale"])
        case "logistic":
            return stats.logistic(p["loc"], p["scale"])
        case "half_normal":
            return stats.halfnorm(scale=p["scale"])
        case "half_cauchy":
            return stats.halfcauchy(scale=p["scale"])
        case "inverse_gamma":
            return stats.invgamma(p["shape"], scale=p["scale"])
        case "log_normal":
            return stats.lognorm(p["sdlog"], scale=np.exp(p["meanlog"]))
        case "log_student_t":
            from bayes_nmda.spec.log_student_t import log_student_t

            return log_student_t(p["df"], p["sdlog"], scale=np.exp(p["meanlog"]))
        case "exponential":
            return stats.expon(scale=1 / p["rate"])
        case "beta":
            return stats.beta(p["alpha"], p["beta"])
        case _:
            return stats.uniform(p["lower"], p["upper"] - p["lower"])
