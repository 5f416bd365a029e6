"""From odds ratios to risks, draw by draw."""

import numpy as np
import pytest

from bayes_nmda.inference.absolute import expit, risk_at, risks


def test_a_risk_is_where_the_odds_ratio_takes_it() -> None:
    control, treated = risks(np.log([0.25, 1.0]), np.log([2.0, 3.0]))
    np.testing.assert_allclose(control, [0.2, 0.5])
    np.testing.assert_allclose(treated, [1 / 3, 0.75])
    assert risk_at(0.2, np.log(2.0)) == pytest.approx(1 / 3)


def test_no_risk_leaves_zero_to_one() -> None:
    np.testing.assert_allclose(expit([-800.0, 0.0, 800.0]), [0.0, 0.5, 1.0])
