"""PAD-UFES-20, clinical photographs by smartphone."""

from tfderm.datasets.builders.published import PublishedSet
from tfderm.datasets.publishers import read_pad_ufes_20


class Builder(PublishedSet):
    """2,298 photographs of six classes with patient data."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put metadata.csv and the images, in images/ or imgs_part_1/ to _3/, into the folder given with --manual_dir, "
        "as https://doi.org/10.17632/zr7vgbcyr2.1 ships them."
    )
    LABELS = ("ACK", "BCC", "MEL", "NEV", "SCC", "SEK")
    COLUMNS = ("age", "sex", "site", "fitzpatrick", "itch", "grew", "hurt", "changed", "bleed", "elevation")
    read = staticmethod(read_pad_ufes_20)
