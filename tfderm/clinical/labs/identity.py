"""What must not leave a report: names, numbers, birth dates and addresses of people.

Results are made of words that the parser understood, so only lines that it did not read can carry such things. Their
words are copied where they stand in a table of results and nowhere in a line that speaks of a person; elsewhere only
words of the laboratory's vocabulary are.
"""

import functools
import re
from collections.abc import Iterable

from tfderm.clinical.labs import analytes, dates
from tfderm.clinical.labs.layout import header_phrases

HIDDEN = "▮"
_PERSON = re.compile(
    r"\b(?:patient|paziente|assistit[oa]|nominativo|name|nome|cognome|surname|forename|dob|d\.o\.b|birth|born|nat[oa]|"
    r"nascita|age|et[aà]|sex|sesso|gender|mrn|ssn|nhs|id|ident\w*|address|indirizzo|residen\w*|phone|telephone|tel|mobile|"
    r"cell|fax|e-?mail|codice\s+fiscale|cod\.?\s*fisc\w*|c\.?f|insurance|policy|tessera|physician|doctor|dr|dott\w*|prof|"
    r"medico|provider|client|account|acct|accession|accettazione|specimen|order|ordered|requested|referr\w*|requisition|"
    r"richied\w*|firma\w*|sign\w*|via|viale|piazza|street|st|ave|avenue|road|rd|city|zip|cap|mr|mrs|ms|sig|sig\.ra|"
    r"hospital|ospedale|clinic|clinica|azienda|asl|ward|reparto|episod\w*|protocol\w*|barcode|ref|lab\s*ref|report|"
    r"referto|collected|received|prelievo|data|date)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\d.,])\d{7,}|[A-Z]{1,6}-?\d{4,}|\+?(?:\d[ ()/-]{0,2}){9,}|\S+@\S+", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}|\d{4,}")
_QUALITATIVE = re.compile(
    r"\b(?:negativ\w*|positiv\w*|(?:non[ -]?)?reactive|(?:non )?reattivo|absent|present\w*|assent\w*|trac[ec]\w*|"
    r"(?:not )?detected|pending|in corso|see (?:note|comment|below)|comment\w*|ha?emoly\w*|emolizz\w*|insufficien\w*|"
    r"not (?:done|performed|calculated)|non (?:eseguit\w*|calcolabil\w*)|indeterminat\w*|normal\w*|rare|few|many|"
    r"clear|cancelled|annullat\w*|titer|titre|titolo|coagulat\w*|clotted)\b|\b1\s*:\s*\d+",
    re.IGNORECASE,
)


class Veil:
    """Decides which words of a report's unread lines may be shown.

    Args:
        lines: all lines of the report as text.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        known = _known()
        self._secret = {
            word.lower()
            for line in lines
            if speaks_of_a_person(line)
            for word in _WORD.findall(line)
            if word.lower() not in known
        }

    def of_row(self, text: str) -> str:
        """A line of a table of results, without the words that stand in lines about a person."""
        if speaks_of_a_person(text):
            return HIDDEN
        return " ".join(HIDDEN if self._is_secret(word) else word for word in text.split())

    def of_text(self, text: str) -> str:
        """Any other line: words of the laboratory's vocabulary alone."""
        if speaks_of_a_person(text):
            return HIDDEN
        known = _known()
        shown: list[str] = []
        for word in text.split():
            tokens = analytes.tokens(word)
            visible = tokens and all(token in known for token in tokens) and not self._is_secret(word)
            if visible or shown[-1:] != [HIDDEN]:
                shown.append(word if visible else HIDDEN)
        return " ".join(shown)

    def of_name(self, words: Iterable[str]) -> str:
        """A name that was understood in part."""
        known = analytes.vocabulary()
        return " ".join(word if set(analytes.tokens(word)) <= known else HIDDEN for word in words)

    def _is_secret(self, word: str) -> bool:
        return any(part.lower() in self._secret for part in _WORD.findall(word)) or bool(_NUMBER.search(word))


def speaks_of_a_person(text: str) -> bool:
    """Whether a line may name or describe a patient or doctor; one with a date may be a birth date's."""
    return bool(_PERSON.search(text) or dates.holds_date(text) or _NUMBER.search(text))


def is_qualitative(text: str) -> bool:
    """Whether a line says something of a specimen in words."""
    return bool(_QUALITATIVE.search(text))


@functools.cache
def _known() -> frozenset[str]:
    return analytes.vocabulary() | {word for phrase in header_phrases() for word in phrase} | _TITLES


_TITLES = frozenset(
    "laboratory laboratorio analysis analisi lab blood sangue cbc complete panel haematology hematology ematologia"
    " emocromo chemistry chimica biochimica clinica page pagina of di continued segue summary final finale"
    " comprehensive lipid metabolic thyroid detailed end fine normal normale high low alto basso results".split()
)
