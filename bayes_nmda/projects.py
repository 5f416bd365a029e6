"""A project as a value: a folder with ``data/``, ``models/`` and ``reports/``, asked as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_nmda import paths
from bayes_nmda.errors import UsageError

if TYPE_CHECKING:
    import xarray as xr

    from bayes_nmda.data import TrialData, Vocabulary
    from bayes_nmda.spec.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Project:
    """The data, models and posteriors of one folder, whatever project is the default.

    Attributes
    ----------
    path
        The folder.
    """

    path: Path

    @property
    def trials(self) -> TrialData:
        """The checked tables of its ``data/``."""
        from bayes_nmda.data import load_trials

        with paths.inside(self.path):
            return load_trials()

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of its ``data/vocabulary.toml``."""
        from bayes_nmda.data import load_vocabulary

        with paths.inside(self.path):
            return load_vocabulary()

    @property
    def model_names(self) -> list[str]:
        """The names of its model files, sorted."""
        from bayes_nmda.spec import model_names

        with paths.inside(self.path):
            return list(model_names())

    def load_model(self, name: str) -> ModelSpec:
        """Return one of its models.

        Parameters
        ----------
        name
            A name in its ``models/``.

        Raises
        ------
        SpecError
            If there is no such model, or its file breaks a rule.
        """
        from bayes_nmda.spec import load_model

        with paths.inside(self.path):
            return load_model(name)

    def posterior(self, name: str) -> xr.DataTree:
        """Return the fit that answers for one of its models, as `bayes_nmda.posterior` does.

        Parameters
        ----------
        name
            A name in its ``models/``.

        Returns
        -------
        DataTree
            With the attribute ``project``, so that queries speak in its words.
        """
        from bayes_nmda.store.fits import posterior

        with paths.inside(self.path):
            tree = posterior(name)
        tree.attrs["project"] = str(self.path / "data")
        return tree


def project(path: str | Path) -> Project:
    """Return the project in a folder.

    Parameters
    ----------
    path
        A folder with ``data/`` and ``models/``, perhaps ``reports/``.

    Raises
    ------
    UsageError
        If it is no such folder.
    """
    folder = Path(path).expanduser()
    lacks = [n for n in ("data", "models") if not str(path) or not (folder / n).is_dir()]
    if lacks:
        raise UsageError(
            f"project: found {str(path)!r}, which lacks {' and '.join(lacks)}/; allowed is a "
            "folder with data/, models/ and reports/"
        )
    return Project(folder.resolve())
