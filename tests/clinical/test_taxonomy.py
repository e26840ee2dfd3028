from tfderm.clinical.taxonomy import URGENCIES, condition
from tfderm.datasets.synthetic.morphology import LABELS as MORPHOLOGIES
from tfderm.recipes import get_recipe
from tfderm.recipes.nine_class import PHOTOGRAPHS


def test_every_class_of_the_published_sets_and_papers_is_ranked():
    ham, pad = ("nv", "mel", "bkl", "bcc", "akiec", "vasc", "df"), ("BCC", "ACK", "NEV", "SEK", "SCC", "MEL")
    labels = {*ham, *pad, *get_recipe("cnd").labels, *PHOTOGRAPHS, *MORPHOLOGIES, "psoriasis", "eczema"}
    assert all(condition(label).urgency in URGENCIES for label in labels)


def test_cancers_come_before_what_is_harmless():
    rank = {level: place for place, level in enumerate(URGENCIES)}
    harmless = max(rank[condition(label).urgency] for label in ("nv", "bkl", "df", "Normal"))
    assert all(rank[condition(label).urgency] > harmless for label in ("mel", "bcc", "SCC", "akiec"))
    assert condition("mel").urgency == condition("MEL").urgency == "urgent"


def test_a_users_own_class_is_not_ranked_for_him():
    assert condition("tinea") is None
