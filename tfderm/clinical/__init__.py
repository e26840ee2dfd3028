"""Clinical knowledge in plain Python: scores and the words dermatologists use."""

from tfderm.clinical import pasi

__all__ = ["pasi"]
