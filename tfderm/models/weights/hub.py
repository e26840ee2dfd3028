"""Weights by name from the Hugging Face hub, through its own client and cache."""

import logging
import re
from pathlib import Path

from tfderm.errors import InputError

_FILES = ("model.safetensors", "pytorch_model.bin")
_CONFIG = "config.json"
_TORCHVISION = re.compile(r"(\w+)_Weights\.IMAGENET1K_V([12])")
_TAGS = {"1": "tv_in1k", "2": "tv2_in1k"}


def fetch(name: str) -> Path:
    """The file of weights of a repository, with its `config.json` beside it where it has one.

    Args:
        name: "OWNER/REPOSITORY"; without an owner it is timm's; or torchvision's, such as
            "ResNet50_Weights.IMAGENET1K_V1", which timm keeps too.

    Raises:
        InputError: there is no such repository, or it cannot be reached and the cache has nothing of it.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # Its warnings repeat what the error says.
    torchvision = _TORCHVISION.fullmatch(name)
    if torchvision:
        name = f"{torchvision[1].lower()}.{_TAGS[torchvision[2]]}"
    repository = name if "/" in name else f"timm/{name}"
    for file in _FILES:
        try:
            path = Path(hf_hub_download(repository, file))
            break
        except LocalEntryNotFoundError:
            raise InputError(
                f"{repository}: {file} is not in the Hugging Face cache, and the hub cannot be reached. Run once with "
                "a network, or give the path of a file."
            ) from None
        except EntryNotFoundError:
            continue
        except (HfHubHTTPError, HFValidationError) as error:
            raise InputError(
                f"{name} is neither a file of weights (.safetensors, .pth, .pt, .bin, .keras, .h5) nor a repository on "
                f"the Hugging Face hub: {str(error).splitlines()[0]}"
            ) from None
    else:
        raise InputError(f"{repository} has none of {', '.join(_FILES)}; give the path of a file.")
    try:
        hf_hub_download(repository, _CONFIG)
    except (EntryNotFoundError, HfHubHTTPError):
        pass  # Then the network's own mean and deviation hold.
    return path
