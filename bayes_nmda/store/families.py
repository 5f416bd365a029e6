"""Several analyses at once: models that compile to the same code share a process.

Compiling a model takes far longer than sampling it. Analyses that differ in numbers only are
obtained one after the other in one process, which compiles at most once; analyses of different
families go to different processes. Each fit passes its gates and is stored where it was made, so
that a build that is killed keeps what was finished.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bayes_nmda.store import fits
from bayes_nmda.store.children import watched

if TYPE_CHECKING:
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

    Analysis = tuple[ModelSpec, EffectTable]


def obtain_all(
    analyses: Sequence[Analysis],
    *,
    inputs: Mapping[str, str],
    jobs: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[fits.Obtained]:
    """Return the fit of every analysis with its gates: stored, or sampled now.

    Parameters
    ----------
    analyses
        Model and contrasts.
    inputs
        `TrialData.digests` of the data.
    jobs
        Processes; by default the number of processors that this one may use. The draws are the
        same whatever it is.
    progress
        Called with a short text at each step.

    Returns
    -------
    list
        In the order of ``analyses``.

    Raises
    ------
    FitError
        If a gate failed; fits that were finished before are stored.
    """
    from joblib import Parallel, cpu_count, delayed

    say = progress or (lambda _: None)
    families = _families(analyses)
    jobs = min(jobs or cpu_count(), len(families))
    found: dict[str, fits.Obtained] = {}
    if jobs == 1:
        for family in families:
            found |= _obtain_family(family, inputs, progress)
    else:
        say(f"{len(families)} families of models in {jobs} processes")
        run = Parallel(n_jobs=jobs, return_as="generator_unordered")
        work = delayed(watched(_obtain_family, os.getpid()))
        with warnings.catch_warnings():
            # joblib replaces a process that grew, as one does in which code is compiled
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
            for some in run(work(family, inputs) for family in families):
                say(f"obtained {', '.join(some)}")
                found |= some
    return [found[spec.name] for spec, _ in analyses]


def _families(analyses: Sequence[Analysis]) -> list[list[Analysis]]:
    """Return analyses by family, the largest family first, so that processes end together.

    Analyses of one structure are one family, whatever the outcome: their models have spare places.
    """
    families: dict[object, list[Analysis]] = {}
    for spec, effects in analyses:
        priors = tuple((n, prior.distribution, prior.upper is None) for n, prior in spec.priors)
        structure = (spec.structure.pooling, spec.structure.trial_effects, spec.likelihood.family)
        families.setdefault((priors, structure), []).append((spec, effects))
    return sorted(families.values(), key=len, reverse=True)


def _obtain_family(
    family: Sequence[Analysis],
    inputs: Mapping[str, str],
    progress: Callable[[str], None] | None = None,
) -> dict[str, fits.Obtained]:
    return {
        spec.name: fits.obtain(spec, effects, inputs=inputs, progress=progress)
        for spec, effects in family
    }
