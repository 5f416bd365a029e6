"""Workers on a cluster: the same work as in processes of one's own, and the same numbers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bayes_nmda.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds that a scheduler has to answer.
_PATIENCE = 20


@contextmanager
def cluster(address: str) -> Iterator[Any]:
    """Let `multiverse`, `calibration` and `leave_one_out` with ``jobs=-1`` run on a Dask cluster.

    What is done comes back at once and is not done again; what a worker was doing when it was lost
    is done by another one.

    Parameters
    ----------
    address
        Of the scheduler, ``"tcp://host:port"``. Its workers need this package, in the same version.

    Yields
    ------
    distributed.Client
        The connection.

    Raises
    ------
    UsageError
        If the extra ``cluster`` is not installed, or nobody answers at the address.

    Examples
    --------
    >>> import bayes_nmda as nmda
    >>> with nmda.cluster("tcp://10.0.0.1:8786"):  # doctest: +SKIP
    ...     found = nmda.multiverse("pain_intensity", jobs=-1)
    """
    import joblib

    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "--cluster needs Dask: pip install 'bayes_nmda[cluster]', here and on every worker"
        ) from error
    try:
        # Dask ships no types, and its client cannot be called otherwise
        client = Client(address, timeout=_PATIENCE)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cluster: found nobody at {address!r} ({error}); allowed is the address that a "
            "scheduler prints when it starts, such as tcp://10.0.0.1:8786"
        ) from error
    with client, joblib.parallel_config(backend="dask"):
        yield client
