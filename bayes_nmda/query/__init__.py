"""Questions to a posterior: each takes a fit and returns an `Answer`.

Importing this needs NumPy alone; pandas loads when a table is asked for.
"""

from bayes_nmda.query.answer import Answer
from bayes_nmda.query.averaging import average_models
from bayes_nmda.query.benefit_harm.joint import tradeoff
from bayes_nmda.query.benefit_harm.net import net_benefit
from bayes_nmda.query.between_trials import heterogeneity, shrinkage
from bayes_nmda.query.comparisons import compare, rank
from bayes_nmda.query.coverage import evidence_map
from bayes_nmda.query.draws import Draws, draws_of
from bayes_nmda.query.effects import effect, new_trial, prob_benefit, prob_harm

__all__ = [
    "Answer",
    "Draws",
    "average_models",
    "compare",
    "draws_of",
    "effect",
    "evidence_map",
    "heterogeneity",
    "net_benefit",
    "new_trial",
    "prob_benefit",
    "prob_harm",
    "rank",
    "shrinkage",
    "tradeoff",
]
