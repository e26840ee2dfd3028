"""Weights by name from the Hugging Face hub, through its own client and cache."""

import logging
import re
import sys
from pathlib import Path

from tfderm.errors import InputError

_FILES = ("model.safetensors", "pytorch_model.bin")
_CONFIG = "config.json"
_TORCHVISION = re.compile(r"(\w+)_Weights\.IMAGENET1K_V([12])")
_TAGS = {"1": "tv_in1k", "2": "tv2_in1k"}


def fetch(name: str) -> Path:
    """The file of weights of a repository, with its `config.json` beside it where it has one.

    What is in the cache is not asked for again.

    Args:
        name: "OWNER/REPOSITORY"; without an owner it is timm's; torchvision's, such as
            "ResNet50_Weights.IMAGENET1K_V1", are looked up where timm keeps its copies of them.

    Raises:
        InputError: there is no such repository, or it cannot be reached and the cache has nothing of it.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # Its warnings repeat what the error says.
    torchvision = _TORCHVISION.fullmatch(name)
    if torchvision:
        name = f"{torchvision[1].lower()}.{_TAGS[torchvision[2]]}"
    repository = name if "/" in name else f"timm/{name}"
    try:
        cached = [try_to_load_from_cache(repository, file) for file in _FILES]
    except HFValidationError:
        raise InputError(
            f"{name} is neither a file of weights (.safetensors, .pth, .pt, .bin, .keras, .h5) nor a name on the "
            "Hugging Face hub."
        ) from None
    path = next((Path(found) for found in cached if isinstance(found, str)), None)
    if path is None:
        path = next((found for found in (_download(repository, file) for file in _FILES) if found), None)
        if path is None:
            raise InputError(f"{repository} has none of {', '.join(_FILES)}; give the path of a file.")
        _download(repository, _CONFIG)
    elif not path.with_name(_CONFIG).is_file():
        print(f"{name}: its {_CONFIG} is not in the cache; the network's own mean and deviation hold", file=sys.stderr)
    return path


def _download(repository: str, file: str) -> Path | None:
    """A file of a repository; None where the repository has none of this name."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, file))
    except LocalEntryNotFoundError:
        raise InputError(
            f"{repository}: {file} is not in the Hugging Face cache, and the hub cannot be reached. Run once with a "
            "network, or give the path of a file."
        ) from None
    except EntryNotFoundError:
        return None
    except Exception as error:  # The client's own errors, and those of its transport and of the disk.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{repository}: {file} cannot be fetched from the Hugging Face hub: {reason}") from None
