"""Priors as random variables of PyMC."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pymc as pm

    from bayes_nmda.spec.priors import Prior


def distribution_of(prior: Prior, numbers: Any) -> pm.Distribution:
    """Return the PyMC distribution before any cut; ``numbers`` as in `random_variable`."""
    family, names = _pymc_families()[prior.distribution]
    return family.dist(**{argument: numbers[i] for i, argument in enumerate(names)})


def random_variable(
    prior: Prior, name: str, numbers: Any, *, dims: str | None = None
) -> pm.Distribution:
    """Return the PyMC random variable; call inside a model.

    Parameters
    ----------
    prior
        Its family and whether it is cut off above.
    name
        Name of the variable.
    numbers
        A vector, what `Prior.numbers` returns or another prior of the same family: a data container
        of the model, so that this other prior can be sampled without compiling again.
    dims
        Name of its dimension, or None for a scalar.
    """
    import pymc as pm

    family, names = _pymc_families()[prior.distribution]
    arguments = {argument: numbers[i] for i, argument in enumerate(names)}
    if prior.upper is None:
        return family(name, dims=dims, **arguments)
    upper = numbers[len(names)]
    # The default transform of a truncated variable forgets that the family ends at zero.
    inside = pm.distributions.transforms.Interval(bounds_fn=lambda *_: (0.0, upper))
    return pm.Truncated(
        name,
        family.dist(**arguments),
        upper=upper,
        dims=dims,
        default_transform=inside,
    )


class _LogStudentT:
    """The exponential of a Student-t variable, made as PyMC makes its own distributions."""

    def __new__(cls, name: str, *, dims: str | None, **numbers: Any) -> pm.Distribution:
        """Return the random variable, sampled as its logarithm."""
        import pymc as pm

        return pm.CustomDist(
            name,
            *numbers.values(),
            dist=cls._exponential,
            class_name="LogStudentT",
            dims=dims,
            default_transform=pm.distributions.transforms.log,
        )

    @classmethod
    def dist(cls, **numbers: Any) -> pm.Distribution:
        import pymc as pm

        return pm.CustomDist.dist(
            *numbers.values(), dist=cls._exponential, class_name="LogStudentT"
        )

    @staticmethod
    def _exponential(nu: Any, mu: Any, sigma: Any, size: Any) -> Any:
        import pymc as pm

        return pm.math.exp(pm.StudentT.dist(nu, mu=mu, sigma=sigma, size=size))


@cache
def _pymc_families() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Return the PyMC distribution of each name.

    With its arguments in the order of `PARAMETERS`.
    """
    import pymc as pm

    return {
        "normal": (pm.Normal, ("mu", "sigma")),
        "student_t": (pm.StudentT, ("nu", "mu", "sigma")),
        "logistic": (pm.Logistic, ("mu", "s")),
        "half_normal": (pm.HalfNormal, ("sigma",)),
        "half_cauchy": (pm.HalfCauchy, ("beta",)),
        "inverse_gamma": (pm.InverseGamma, ("alpha", "beta")),
        "log_normal": (pm.LogNormal, ("mu", "sigma")),
        "log_student_t": (_LogStudentT, ("nu", "mu", "sigma")),
        "exponential": (pm.Exponential, ("lam",)),
        "uniform": (pm.Uniform, ("lower", "upper")),
        "beta": (pm.Beta, ("alpha", "beta")),
    }
