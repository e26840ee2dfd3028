"""From a recipe to a run."""

from tfderm.training.train import train

__all__ = ["train"]
