"""Whatever was chosen from the ISIC archive with isic-cli."""

from tfderm.datasets.builders.published import PublishedSet
from tfderm.datasets.publishers import read_isic


class Builder(PublishedSet):
    """Images with their diagnosis as text, since a choice of the archive decides which there are."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Give the folder that `isic image download FOLDER` wrote with --manual_dir FOLDER."
    read = staticmethod(read_isic)
