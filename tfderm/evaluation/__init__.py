"""How good is a run: metrics with intervals beside trivial baselines, figures, one report, folds."""

from tfderm.evaluation.evaluate import evaluate

__all__ = ["evaluate"]
