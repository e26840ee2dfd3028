"""Write the files beside this one with PyTorch, whose forms they are: `python make.py` (torch 2.13)."""

import collections
from pathlib import Path

import torch

HERE = Path(__file__).parent


def tensors():
    """Views and dtypes as state dicts have them: a shared storage, a transposed view, a scalar, an empty tensor."""
    base = torch.arange(24, dtype=torch.float32) / 8
    return collections.OrderedDict(
        [
            ("whole.weight", base.reshape(2, 3, 4)),
            ("part.weight", base[6:12]),
            ("turned.weight", base.reshape(4, 6).T),
            ("bn.num_batches_tracked", torch.tensor(7)),
            ("empty.weight", torch.zeros(0, 3)),
            ("parameter.weight", torch.nn.Parameter(torch.full((2, 2), 0.25))),
        ]
    )


class Arbitrary:
    """Unpickling runs `print`, which stands for anything."""

    def __reduce__(self):
        return print, ("a file of weights ran this",)


torch.save(tensors(), HERE / "zip.pth")
torch.save(tensors(), HERE / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "best": 0.5, "state_dict": tensors(), "optimizer": {"lr": 0.1}}, HERE / "checkpoint.pth")
types = torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.bool
torch.save({str(kind)[6:]: torch.tensor([0, 1, 3]).to(kind) for kind in types}, HERE / "types.pth")
torch.save({"weight": torch.zeros(2), "other": Arbitrary()}, HERE / "arbitrary.pth")
torch.save(torch.nn.Linear(2, 2), HERE / "module.pth")
