"""The decorator of compiled functions, and the distribution functions that they need.

Compiled code is cached on disk beside its module (or in numba's user cache where that folder is
read-only), holds no interpreter lock and follows IEEE rules, so that infinities are values.
numba renews a cached function only when its own file changes, not when a function that it calls
does; here the stamp of every cache is a digest of all compiled modules of this folder and of the
function's own, so none can be stale.
"""

from __future__ import annotations

import hashlib
import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import numba
import numpy as np

_SQRT_HALF = math.sqrt(0.5)
#: Seconds; reading compiled code from disk takes less.
_PATIENCE = 5.0
#: What is then written to standard error.
NOTICE = "bayes_nmda: compiling, once on this machine; this may take some minutes"
_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


@cache
def _digest(own: str) -> str:
    digest = hashlib.sha256(Path(own).read_bytes())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        text = path.read_bytes()
        if b"import compiled" in text or path.name == Path(__file__).name:
            digest.update(text)
    return digest.hexdigest()


def compiled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Return the function compiled to machine code on its first call."""
    decorate: Any = numba.njit(cache=True, nogil=True, error_model="numpy")
    dispatcher: Any = decorate(function)
    cache_file: Any = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if hasattr(cache_file, "_source_stamp"):  # numba's own name; without it the cache is as usual
        cache_file._source_stamp = _digest(function.__code__.co_filename)
    return cast("Callable[P, R]", dispatcher)


@contextmanager
def patient(function: Callable[..., Any]) -> Iterator[None]:
    """Say on standard error that code is being compiled, if a first call takes long."""
    if getattr(function, "signatures", True):  # compiled, or read from disk, in this process
        yield
        return
    timer = threading.Timer(_PATIENCE, sys.stderr.write, (f"{NOTICE}\n",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@compiled
def zero() -> int:
    """Return 0 to count from.

    For the literal numba would compile all that is called with it once more.
    """
    return int(np.int64(0))


@compiled
def normal_cdf(z: float) -> float:
    """Return the standard normal distribution function, accurate in both tails."""
    return 0.5 * math.erfc(-z * _SQRT_HALF)


@compiled
def normal_pdf(z: float) -> float:
    """Return the standard normal density."""
    return _INV_SQRT_2PI * math.exp(-0.5 * z * z)


@compiled
def _beta_fraction(a: float, b: float, x: float) -> float:
    # Lentz's evaluation of the continued fraction of the incomplete beta function, DLMF 8.17.22.
    tiny = 1e-300
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 20_000):
        step = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 + step * d
        c = 1.0 + step / c
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = c if abs(c) > tiny else tiny
        value *= d * c
        step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 + step * d
        c = 1.0 + step / c
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = c if abs(c) > tiny else tiny
        value *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return value


@compiled
def student_t_cdf(z: float, df: float) -> float:
    """Return the distribution function of Student's t, accurate in the lower tail."""
    a, b = 0.5 * df, 0.5
    square = z * z
    x = df / (df + square)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    if x < (a + 1.0) / (a + b + 2.0):
        front += a * math.log(x) - b * math.log1p(df / square) if square > 0.0 else 0.0
        tail = 0.5 * math.exp(front) * _beta_fraction(a, b, x) / a
    else:
        if square == 0.0:
            return 0.5
        front += b * math.log(square / (df + square)) - a * math.log1p(square / df)
        tail = 0.5 - 0.5 * math.exp(front) * _beta_fraction(b, a, square / (df + square)) / b
    return tail if z < 0.0 else 1.0 - tail
