"""Classes that skin classifiers tell: their names for people, and how soon each wants to be seen by a doctor.

The hint is for triage, what paper 3 (figure 1) calls forewarning the user of urgency. It follows from the class alone,
and a class is no diagnosis: `URGENCIES` says what each level asks for, `tfderm` shows it as a hint beside every answer.
The levels are ours, from common advice (an ulcer, a suspected skin cancer and widespread pustules are to be seen soon;
melanoma first of all); a clinic that ranks otherwise gives its own in a recipe's `urgency`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

URGENCIES: Mapping[str, str] = {
    "none": "nothing to be seen for",
    "routine": "see a doctor when it suits, sooner if it spreads, hurts or fever comes with it",
    "soon": "see a doctor within two weeks",
    "urgent": "see a dermatologist within days",
}
"""Level -> what it asks for, in ascending order."""


@dataclass(frozen=True)
class Condition:
    """What a class label stands for.

    Args:
        name: for people.
        urgency: one of `URGENCIES`.
    """

    name: str
    urgency: str


_CONDITIONS = {
    # Nine classes of Mishra, Yamasaki and Imaizumi (paper 3), and what they wished for.
    "acne": Condition("acne", "routine"),
    "alopecia": Condition("alopecia (hair loss)", "routine"),
    "crust": Condition("crust", "routine"),
    "erythema": Condition("erythema (redness)", "routine"),
    "leukoderma": Condition("leukoderma (loss of colour)", "routine"),
    "pigmented maculae": Condition("pigmented maculae (dark spots)", "soon"),
    "pustule": Condition("pustules", "soon"),
    "ulcer": Condition("ulcer", "soon"),
    "wheal": Condition("wheal (hives)", "routine"),
    "normal": Condition("normal skin", "none"),
    # Lunding Jensen and Knudsen Brun (paper 2).
    "psoriasis": Condition("psoriasis", "routine"),
    "eczema": Condition("eczema", "routine"),
    # HAM10000 and the ISIC archive.
    "nv": Condition("nevus", "none"),
    "mel": Condition("melanoma", "urgent"),
    "bkl": Condition("benign keratosis", "none"),
    "bcc": Condition("basal cell carcinoma", "soon"),
    "akiec": Condition("actinic keratosis or Bowen's disease", "soon"),
    "vasc": Condition("vascular lesion", "routine"),
    "df": Condition("dermatofibroma", "none"),
    # PAD-UFES-20.
    "ack": Condition("actinic keratosis", "soon"),
    "nev": Condition("nevus", "none"),
    "sek": Condition("seborrhoeic keratosis", "none"),
    "scc": Condition("squamous cell carcinoma", "urgent"),
}


def condition(label: str) -> Condition | None:
    """What a label stands for, whatever its case; None for one that is not known here."""
    return _CONDITIONS.get(label.strip().lower())


SPEAKS_FOR = {
    "network": "nv", "globules": "nv", "parallel_lines": "nv",
    "milia_like_cysts": "bkl", "comedo_like_openings": "bkl", "cerebriform": "bkl",
    "negative_network": "mel", "radial_streaks": "mel", "veil": "mel", "peppering": "mel",
}  # fmt: skip
"""What a dermoscopic structure of the synthetic sets speaks for (Kittler et al.); the others speak for nothing."""
