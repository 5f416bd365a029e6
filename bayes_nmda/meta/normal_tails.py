"""Compiled exponential, logarithm and normal tail without branches: loops run several at a time.

The library functions of one number stop the compiler from using vector instructions. Here the
exponential and the logarithm are short series after the usual reduction by powers of two, and the
tail of the normal distribution is the density times Mills' ratio, a polynomial in
(a - c) / (a + c), whose errors are below 1e-11 of the value from the centre to 37 SDs. Its
coefficients come from scipy on import.

References
----------
Shepherd & Laframboise (1981), Math Comp 36:249, doi:10.1090/S0025-5718-1981-0595058-X: the
transformation of the half-line for the scaled complementary error function.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic
from scipy.special import erfcx

from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.prior_densities import Array

#: The density underflows soon after; beyond this a tail is taken for 0.
FARTHEST = 37.5
_CENTRE = 4.0
_DEGREE = 15
_TERMS = 13
_FACTORS = np.array([1.0 / math.factorial(n) for n in range(_TERMS)])
_ODD_TERMS = 10
_ODD = 1.0 / (2.0 * np.arange(_ODD_TERMS) + 1.0)
_ROOT_HALF_BITS = int(np.float64(math.sqrt(0.5)).view(np.int64))
_FRACTION = (1 << 52) - 1
_SHIFTED_TERMS = 14
_SHIFTED_FACTORS = np.array([1.0 / math.factorial(n + 1) for n in range(_SHIFTED_TERMS)])
_PER_LOG_2 = 1.0 / math.log(2.0)
# log 2 in two parts: the first has so few digits that its multiples are exact.
_LOG_2_HIGH = math.ldexp(math.floor(math.ldexp(math.log(2.0), 32)), -32)
_LOG_2_LOW = float(np.log(np.longdouble(2.0)) - np.longdouble(_LOG_2_HIGH))


def _mills_polynomial() -> Array:
    """Return ascending coefficients of (1 + a / c) (tail / density) / sqrt(2 pi) on [-1, 1]."""
    t = np.cos((np.arange(200) + 0.5) * np.pi / 200)
    a = _CENTRE * (1.0 + t) / (1.0 - t)
    value = 0.5 * erfcx(a / math.sqrt(2.0)) * (1.0 + a / _CENTRE)
    series = np.polynomial.Chebyshev.fit(t, value, _DEGREE, domain=[-1.0, 1.0])
    return np.asarray(np.polynomial.chebyshev.cheb2poly(series.coef))


_MILLS = _mills_polynomial()


def _reinterpret(given: Any, wanted: Any) -> Any:
    """Return a compiled function that reads the bits of one type as another."""

    def typed(_context: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(wanted))

        return wanted(given), generate

    return intrinsic(typed)


_float_of_bits = _reinterpret(types.int64, types.float64)
_bits_of_float = _reinterpret(types.float64, types.int64)


@compiled
def exponential(y: float) -> float:
    """Return exp(y) for y between -708 and 708, to 1e-15 of its value."""
    n = math.floor(y * _PER_LOG_2 + 0.5)
    r = (y - n * _LOG_2_HIGH) - n * _LOG_2_LOW
    value = _FACTORS[_TERMS - 1]
    for j in range(_TERMS - 2, -1, -1):
        value = value * r + _FACTORS[j]
    return float(value * _float_of_bits((np.int64(n) + 1023) << 52))


@compiled
def exponential_less_one(y: float) -> float:
    """Return exp(y) - 1 for y between -708 and 708, to 1e-15 of its value."""
    n = math.floor(y * _PER_LOG_2 + 0.5)
    r = (y - n * _LOG_2_HIGH) - n * _LOG_2_LOW
    value = _SHIFTED_FACTORS[_SHIFTED_TERMS - 1]
    for j in range(_SHIFTED_TERMS - 2, -1, -1):
        value = value * r + _SHIFTED_FACTORS[j]
    power = _float_of_bits((np.int64(n) + 1023) << 52)
    return float(power * (r * value) + (power - 1.0))


@compiled
def logarithm(x: float) -> float:
    """Return log(x) for x between 1e-300 and 1e300, to 1e-15 of its value or of 1."""
    # x = m 2^n with m from sqrt(1/2) to sqrt(2), where log m = 2 atanh((m - 1) / (m + 1)).
    shifted = _bits_of_float(x) - _ROOT_HALF_BITS
    n = shifted >> 52
    m = _float_of_bits((shifted & _FRACTION) + _ROOT_HALF_BITS)
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    value = _ODD[_ODD_TERMS - 1]
    for j in range(_ODD_TERMS - 2, -1, -1):
        value = value * square + _ODD[j]
    return float(n * _LOG_2_HIGH + (2.0 * s * value + n * _LOG_2_LOW))


@compiled
def scaled_tail(a: float) -> float:
    """Return P(Z > a) / exp(-a² / 2) for a standard normal Z and a ≥ 0."""
    inverse = 1.0 / (a + _CENTRE)
    t = (a - _CENTRE) * inverse
    value = _MILLS[_DEGREE]
    for j in range(_DEGREE - 1, -1, -1):
        value = value * t + _MILLS[j]
    return float(value * (_CENTRE * inverse))
