"""What laboratories measure: our table `analytes.csv`, and which of its rows a printed name stands for.

A row: English name, LOINC code of the unit's kind of quantity and, where it differs, of the amount of substance; unit
(UCUM); molar mass in g/mol and charge number for conversion; what a living patient may have, in that unit, wide enough
for any illness; and further names in English and Italian, divided by `|`, as they are printed or abbreviated.
"""

import csv
import difflib
import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from tfderm.clinical.labs.units import convert, convertible, readings

EXACT, EXTENDED, CUT, ALIKE, UNSURE = range(5)
"""How a name fits: as in the table; as the beginning of a longer name; cut short or abbreviated; misspelt by a few
letters; with words beside it that nobody knows."""

_FOREIGN = set(
    "urine urinary urinario urinaria urinari urinarie urin ur urines csf liquor liquorale stool feci fecale fecal"
    " saliva sweat pleural ascitic synovial amniotic dialysate sperm seminal".split()
)
_FILLERS = set(
    "of di del della dei dell degli the in level levels livello automated auto automatico calc calculated calcolato"
    " calcolata estimated stimato count conteggio assay dosaggio quantitative quantitativo qn serum siero sierico"
    " sierica plasma plasmatico plasmatica blood sangue ematico ematica ser plas edta venous venoso whole enzymatic"
    " enzimatico colorimetric jaffe ise hplc ifcc ngsp westergren clia eclia elisa nephelometry turbidimetry hexokinase"
    " god pap kinetic uv modified method metodo immunoturbidimetric photometric fs sp sg srm ps test esame valore value"
    " result quant concentration concentrazione estimation standardised standardized".split()
)
_LEADING = {"s", "p", "b", "sg", "ser", "fs", "pl", "sr", "sp"}
_MAX_WORDS = 9
_NEAR = 0.84
_FOLDS = str.maketrans("10i58", "lolsb")
# Raised figures and letters, which stand after a caret where their height tells them.
_FOOTNOTE = re.compile(r"(?<!10)(?<=[\w)\]])\^\w{1,2}(?!\S)|(?<=[^\W\d_])[¹²³⁰⁴-⁹]+(?!\S)")
_DOTTED = re.compile(r"(?<!\w)(?:[^\W\d_]\.){2,}(?:[^\W\d_](?!\w))?")


@dataclass(frozen=True)
class Analyte:
    """One row of the table; `low` and `high` bound what is possible, in `unit`."""

    name: str
    loinc: str
    loinc_molar: str | None
    unit: str
    molar_mass: float | None
    valence: int | None
    low: float
    high: float
    synonyms: tuple[str, ...]

    @property
    def is_pure_number(self) -> bool:
        """Whether results need no unit."""
        return self.unit in ("{INR}", "{ratio}")

    def measured_in(self, unit: str) -> bool:
        """Whether a result of it may have this UCUM unit."""
        return convertible(unit, self.unit, self.molar_mass, self.valence)

    def convert(self, value: float, unit: str, target: str) -> float | None:
        """`value` in another unit; None where there is no way."""
        return convert(value, unit, target, self.molar_mass, self.valence)

    def canonical(self, value: float, unit: str) -> float | None:
        """`value` in this row's unit; None where it cannot be converted."""
        return self.convert(value, unit, self.unit)

    def possible(self, value: float, unit: str) -> bool:
        """Whether a living patient may have this value."""
        canonical = self.canonical(value, unit)
        return canonical is not None and self.low <= canonical <= self.high

    def code(self, unit: str | None) -> str | None:
        """The LOINC code for results in `unit`; None where the table has none for that kind of quantity."""
        if unit is None or _is_substance(unit) == _is_substance(self.unit):
            return self.loinc
        return self.loinc_molar


def _is_substance(unit: str) -> bool:
    return "mol" in unit.partition("/")[0] or "meq" in unit


@dataclass(frozen=True)
class Candidate:
    """An analyte that a printed name may stand for, and how it fits: `EXACT` ... `UNSURE`."""

    analyte: Analyte
    fit: int


@functools.cache
def analytes() -> tuple[Analyte, ...]:
    """The table."""
    with resources.files("tfderm.clinical.labs").joinpath("analytes.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Analyte(
                name=row["analyte"],
                loinc=row["loinc"],
                loinc_molar=row["loinc_molar"] or None,
                unit=row["unit"],
                molar_mass=float(row["molar_mass"]) if row["molar_mass"] else None,
                valence=int(row["valence"]) if row["valence"] else None,
                low=float(row["low"]),
                high=float(row["high"]),
                synonyms=tuple(row["synonyms"].split("|")),
            )
            for row in csv.DictReader(file)
        )


def by_code(code: str) -> Candidate | None:
    """The analyte of a LOINC code, as some exports print it."""
    found = next((analyte for analyte in analytes() if code in (analyte.loinc, analyte.loinc_molar)), None)
    return found and Candidate(found, EXACT)


def tokens(text: str) -> tuple[str, ...]:
    """Words of a name in small letters without accents and footnotes, M.C.V. as one; Greek letters by name, `%`, `#`
    and charges kept."""
    for greek, name in (("α", "alpha "), ("β", "beta "), ("γ", "gamma "), ("μ", "u"), ("µ", "u")):
        text = text.replace(greek, name)
    text = _FOOTNOTE.sub("", text)
    text = _DOTTED.sub(lambda match: match[0].replace(".", "") + " ", text)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return tuple(re.findall(r"[a-z0-9]+\+*|%|#", text.lower().replace("'", "").replace("’", "")))


@functools.cache
def _names() -> dict[tuple[str, ...], tuple[Analyte, ...]]:
    names: dict[tuple[str, ...], list[Analyte]] = {}
    for analyte in analytes():
        for name in (analyte.name, *analyte.synonyms):
            owners = names.setdefault(tokens(name), [])
            if analyte not in owners:
                owners.append(analyte)
    return {name: tuple(owners) for name, owners in names.items()}


@functools.cache
def _folded() -> dict[str, tuple[Analyte, ...]]:
    """Names without spaces, in the letters that digits are taken for."""
    folded: dict[str, tuple[Analyte, ...]] = {}
    for name, owners in _names().items():
        text = "".join(name).translate(_FOLDS)
        folded[text] = tuple(dict.fromkeys((*folded.get(text, ()), *owners)))
    return folded


@functools.cache
def vocabulary() -> frozenset[str]:
    """Every word of the table's names, and what is printed beside them: words that identify nobody."""
    return frozenset(word for name in _names() for word in name) | _FILLERS


@functools.lru_cache(maxsize=16384)
def candidates(name: str, recognised: bool = False) -> tuple[Candidate, ...]:
    """Analytes that `name`, taken as a whole, may stand for; the best first.

    Args:
        name: as printed.
        recognised: whether letters may be misread.
    """
    words = tokens(name)
    if not words or len(words) > 2 * _MAX_WORDS or _FOREIGN & set(words) or words[0] == "u":
        return ()
    found = _exact(words) or _exact(_without_fillers(words)) or _of_parts(name) or _of_abbreviation(name)
    if found:
        return tuple([Candidate(analyte, EXACT) for analyte in found] + _longer(words, found))
    cut = name.rstrip().endswith(("...", "…", "."))
    if shortened := _shortened(words, cut):
        return tuple(Candidate(analyte, CUT) for analyte in shortened)
    if recognised and (near := _near(words)):
        return tuple(Candidate(analyte, ALIKE) for analyte in near)
    plain = re.sub(r"[(\[][^)\]]*[)\]]?", " ", name)
    if plain.strip() and plain != name and (inner := candidates(plain.strip(), recognised)):
        return tuple(Candidate(candidate.analyte, UNSURE) for candidate in inner if candidate.fit <= CUT)
    return ()


def _exact(words: tuple[str, ...]) -> tuple[Analyte, ...]:
    return _names().get(words, ())


def _without_fillers(words: tuple[str, ...]) -> tuple[str, ...]:
    if len(words) > 1 and words[0] in _LEADING:
        words = words[1:]
    return _exact(words) and words or tuple(word for word in words if word not in _FILLERS)


def _of_parts(name: str) -> tuple[Analyte, ...]:
    """Analytes that every part of a name means, as in "WBC (Leucociti)" or "AST - SGOT"; fillers may stand alone."""
    parts = [tokens(part) for part in re.split(r"[()\[\]/,;:]|\s[-–]\s|\s-|-\s", name)]
    parts = [part for part in parts if part and not set(part) <= _FILLERS and not readings("".join(part))]
    if not 1 <= len(parts) <= 4:
        return ()
    owners = [_exact(part) or _exact(_without_fillers(part)) for part in parts]
    return tuple(analyte for analyte in owners[0] if all(analyte in others for others in owners[1:]))


def _of_abbreviation(name: str) -> tuple[Analyte, ...]:
    """Analytes of an abbreviation in brackets after words that are known each, as in "Contenuto medio Hb (MCH)"."""
    match = re.fullmatch(r"([^()\[\]]+)[(\[]([^\W_]{2,6})[)\]]\W*", name)
    if not match or not all(_is_known(word) for word in tokens(match[1])):
        return ()
    described = candidates(match[1].strip())
    owners = _exact(tokens(match[2]))
    if any(candidate.fit == EXACT and candidate.analyte not in owners for candidate in described):
        return ()
    return owners


def _is_known(word: str) -> bool:
    known = vocabulary()
    return word in known or (len(word) >= 4 and any(other.startswith(word) for other in known))


def _longer(words: tuple[str, ...], found: Iterable[Analyte]) -> list[Candidate]:
    """What a longer name may stand for that begins like this one, for a column too narrow to show more."""
    start = " ".join(words)
    if len(start) < 8:
        return []
    longer = {a.name: a for name, owners in _names().items() if " ".join(name).startswith(start) for a in owners}
    return [Candidate(analyte, EXTENDED) for analyte in longer.values() if analyte not in found]


def _shortened(words: tuple[str, ...], cut: bool) -> tuple[Analyte, ...]:
    text = " ".join(words)
    if len(text) < (5 if cut else 8):
        return ()
    found: dict[str, Analyte] = {}
    for name, owners in _names().items():
        whole = " ".join(name)
        abbreviated = len(name) == len(words) > 1 and all(
            len(short) >= min(3, len(word)) and word.startswith(short) for short, word in zip(words, name, strict=True)
        )
        if (whole.startswith(text) and whole != text) or abbreviated:
            found |= {analyte.name: analyte for analyte in owners}
    return tuple(found.values())


def _near(words: tuple[str, ...]) -> tuple[Analyte, ...]:
    """Owners of the name that differs in the fewest letters, and in none of its short words; spaces may be lost."""
    text = "".join(words)
    if same := _folded().get(text.translate(_FOLDS)):
        return same
    if len(text) < 5:
        return ()
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(text)
    best: list[tuple[Analyte, ...]] = []
    most = _NEAR
    for name, owners in _names().items():
        short = len(name) == len(words) and any(
            a != b and min(len(a), len(b)) <= 3 for a, b in zip(name, words, strict=True)
        )
        whole = "".join(name)
        if short or (len(name) != len(words) and len(whole) != len(text)):
            continue
        matcher.set_seq1(whole)
        if matcher.real_quick_ratio() >= most and matcher.quick_ratio() >= most and (ratio := matcher.ratio()) >= most:
            best = [*best, owners] if ratio == most else [owners]
            most = max(most, ratio)
    return tuple(dict.fromkeys(analyte for owners in best for analyte in owners))


def find(
    words: Sequence[str], ends: Callable[[int], bool], recognised: bool = False
) -> tuple[int, tuple[Candidate, ...]]:
    """The longest name at the beginning of `words`: how many of them it takes, and whose name it may be.

    Args:
        words: of one column.
        ends: whether a name may end after so many of them.
        recognised: whether letters may be misread.

    Returns:
        (0, ()) where the words do not begin with a name.
    """
    lengths = [number for number in range(min(len(words), _MAX_WORDS), 0, -1) if ends(number)]
    for kinds in ((EXACT,), (CUT,), (ALIKE,), (UNSURE,)):
        for number in lengths:
            found = candidates(" ".join(words[:number]), recognised)
            if found and found[0].fit in kinds:
                return number, found
    return 0, ()
