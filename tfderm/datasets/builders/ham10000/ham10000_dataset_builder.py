"""HAM10000, the training set of ISIC 2018 task 3."""

from tfderm.datasets.builders.published import PublishedSet
from tfderm.datasets.publishers import read_ham10000


class Builder(PublishedSet):
    """10,015 dermoscopy images of seven classes with age, sex and site; several images of a lesion."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put HAM10000_metadata.csv (or HAM10000_metadata) and the images, in images/ or HAM10000_images_part_1/ and "
        "_2/, into the folder given with --manual_dir, as https://doi.org/10.7910/DVN/DBW86T ships them."
    )
    LABELS = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    read = staticmethod(read_ham10000)
