"""Effects: from arms to contrasts, their covariance, and the review's own pooling.

`effect_table` makes what the models take; `replication` recomputes what the review printed.
"""

from bayes_nmda.effects.assembly import EffectTables, effect_table
from bayes_nmda.effects.replication import replication
from bayes_nmda.effects.table import EffectTable

__all__ = ["EffectTable", "EffectTables", "effect_table", "replication"]
