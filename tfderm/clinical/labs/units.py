"""Units: what a laboratory prints to UCUM, and conversion between UCUM units.

UCUM expressions are parsed and converted by `ucumvert` and `pint`; what they cannot know stands here: how units are
printed, that an enzyme's U and an international unit are one for our purpose, and the step from mass to substance.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence

_THOUSANDS = ("k", "th", "thou", "thous", "thousand", "x1000", "1000", "mila", "migl", "migliaia", "mille", "x103")
_MILLIONS = ("m", "mil", "mill", "million", "millions", "milioni", "mln", "mio", "x1000000", "x106")
_CELLS = ("", "cells", "cell", "cellule", "cell.", "elementi", "el", "n", "n.", "nr", "#")
_BILLIONS = ("bil", "bill", "billion", "billions")
_CUBIC_MILLIMETRES = ("mmc", "mm3", "mm^3", "cmm", "cumm", "cu.mm", "c.mm", "mm*3")
_VOLUMES = {
    **{"l": "L", "dl": "dL", "cl": "cL", "ml": "mL", "ul": "uL", "mcl": "uL", "microl": "uL", "nl": "nL", "pl": "pL"},
    **dict.fromkeys(_CUBIC_MILLIMETRES, "mm3"),
}
_NUMERATORS = {
    **{name: name for name in ("g", "mg", "ug", "ng", "pg", "fg", "mol", "mmol", "umol", "nmol", "pmol", "meq", "fL")},
    **{
        "mcg": "ug",
        "gamma": "ug",
        "gr": "g",
        "gm": "g",
        "gms": "g",
        "mgr": "mg",
        "mcmol": "umol",
        "mval": "meq",
        "mosmol": "mosm",
    },
    **{"iu": "[IU]", "ui": "[IU]", "miu": "m[IU]", "mui": "m[IU]", "uiu": "u[IU]", "uui": "u[IU]", "mciu": "u[IU]"},
    **{"mcui": "u[IU]", "kiu": "k[IU]", "kui": "k[IU]", "u": "U", "mu": "mU", "uu": "uU", "mcu": "uU", "ku": "kU"},
    **{"kua": "kU", "mosm": "mosm", "ukat": "ukat", "nkat": "nkat", "mkat": "mkat", "mm": "mm", "ml": "mL", "l": "L"},
}
_DENOMINATORS = {
    **_VOLUMES,
    **dict.fromkeys(("h", "hr", "hour", "ora", "1h", "1hr", "1ora", "1aora", "(1h)", "ore", "1sthr", "1sthour"), "h"),
    **{"min": "min", "mol": "mol", "mmol": "mmol", "g": "g", "kg": "kg", "100ml": "dL", "1.73m2": "{1.73_m2}"},
}
_WHOLE = {
    "%": "%", "percent": "%", "perc": "%", "mg%": "mg/dL", "g%": "g/dL", "gr%": "g/dL", "ug%": "ug/dL", "mcg%": "ug/dL",
    "fl": "fL", "um3": "um3", "um^3": "um3", "u3": "um3", "u^3": "um3", "micron3": "um3", "cuum": "um3", "femtol": "fL",
    "pg": "pg", "pgr": "pg", "picogr": "pg", "picogrammi": "pg", "uug": "pg", "pg/cell": "pg",
    "s": "s", "sec": "s", "secs": "s", "seconds": "s", "second": "s", "secondi": "s", "sek": "s", "sec.": "s",
    "inr": "{INR}", "ratio": "{ratio}", "index": "{ratio}", "indice": "{ratio}", "rapporto": "{ratio}",
    "mm": "mm/h", "mm1h": "mm/h", "mm(1h)": "mm/h", "mm/1^h": "mm/h", "mm/1°h": "mm/h", "gpt/l": "10*9/L",
    "tpt/l": "10*12/L", "giga/l": "10*9/L", "tera/l": "10*12/L",
    "/100wbc": "/100{WBCs}", "/100gb": "/100{WBCs}",
}  # fmt: skip
# Recognisers of characters read a caret as any sign, 4, 7, A or M, and µ as p.
_POWER = re.compile(
    r"x?(?:10(?:\*\*|exp|m1?(?=2/)|[^\w.,()/]|[ea47mx])?|e)\+?\(?0?(3|6|9|12|(?<=m)2)\)?(?:cells?|cellule)?(?:/|per)"
    r"(?P<volume>.+)"
)
# Tesseract reads a raised digit as a sign, or not at all; the volume says which power is meant.
_MISREAD_POWER = re.compile(r"x?[1il][0o].{0,2}?[/1il|](?P<volume>ul|l|mm3|mmc)")
_LOOKALIKES = str.maketrans("|1i!][0yq,", "llllllogg.")


def readings(text: str) -> tuple[str, ...]:
    """UCUM units that a printed unit may stand for, the likeliest first; empty where it is not known to be one.

    Case tells giga from gram only (`G/L` on a blood count); two units where both are in use.

    Example:
        >>> readings("K/µL"), readings("10^9/L"), readings("mg/dl"), readings("G/L")
        (('10*3/uL',), ('10*9/L',), ('mg/dL',), ('10*9/L', 'g/L'))
    """
    text = _plain(text)
    if text in ("G/L", "G/l"):
        return "10*9/L", "g/L"
    if text in ("T/L", "T/l"):
        return ("10*12/L",)
    return _readings(re.sub(r"u\.i\.|i\.u\.", "iu", text.lower()))


@functools.lru_cache(maxsize=4096)
def _readings(text: str) -> tuple[str, ...]:
    if text in _WHOLE:
        return (_WHOLE[text],)
    if (power := _POWER.fullmatch(text)) and power["volume"] in _VOLUMES:
        volume = power["volume"].replace("pl", "ul")
        return (f"10*{power[1].replace('12', '2').replace('2', '12')}/{_VOLUMES[volume]}",)
    if international := re.fullmatch(r"([mkup]?)(?:[1l|]u|u[1l|])/(m?l)", text):
        return _readings(f"{international[1].replace('p', 'u')}iu/{international[2]}")
    if "{" not in text and (annotated := re.fullmatch(r"(.+?)\(?(feu|ddu|ifcc|ngsp|hb|hgb)\)?", text)):
        kind = f"{{{annotated[2].upper()}}}" if annotated[2] in ("feu", "ddu") else ""
        return tuple(unit + kind for unit in _readings(annotated[1]))
    head, slash, tail = re.sub(r"(?<=\w)per(?=\w)", "/", text).partition("/")
    if not slash:
        return ()
    if tail in _VOLUMES:
        volume = _VOLUMES[tail]
        found = []
        if head in _MILLIONS:
            found.append(f"10*6/{volume}")
        if head in _THOUSANDS or head == "mil":
            found.append(f"10*3/{volume}")
        if head in _BILLIONS:
            found.append(f"10*9/{volume}")
        if head in ("lakh", "lakhs", "lac", "lacs"):
            found.append(f"10*5/{volume}")
        if head in _CELLS:
            found.append(f"/{volume}")
        if found and (volume in ("uL", "mm3", "nL") or head in _BILLIONS):
            return tuple(found)
    area = re.fullmatch(r"(min)/(1[.,]73)?\(?(m2|m\^2|mq|sqm|m\*2)?\)?", tail)
    if head == "ml" and (area or tail == "min"):
        return ("mL/min/{1.73_m2}" if area and (area[2] or area[3]) else "mL/min",)
    if head == "l" and tail == "l":
        return ("L/L",)
    if head in _NUMERATORS and tail in _DENOMINATORS and head not in ("ml", "l"):
        if (head == "mm") != (_DENOMINATORS[tail] == "h"):
            return ()
        return (f"{_NUMERATORS[head]}/{_DENOMINATORS[tail]}",)
    return ()


def misread(text: str, expected: Sequence[str]) -> str | None:
    """The one of `expected` UCUM units that a recogniser of characters has probably read as `text`; None if none is."""
    plain = _plain(text).lower()
    if power := _MISREAD_POWER.fullmatch(plain):
        volume = _VOLUMES[power["volume"]]
        near = [unit for unit in expected if unit.startswith("10*") and unit.endswith(f"/{volume}")]
        return near[0] if len(near) == 1 else None
    alike = _folded(plain)
    distances = {unit: min(_edits(alike, _folded(spelling)) for spelling in _spellings(unit)) for unit in expected}
    least = min(distances.values(), default=9)
    near = [unit for unit, distance in distances.items() if distance == least]
    return near[0] if least <= (0 if len(alike) < 4 else 1) and len(near) == 1 else None


def _folded(text: str) -> str:
    """With one letter for those that look alike; a first letter that may be a µ is u."""
    text = text.replace("rn", "m").translate(_LOOKALIKES)
    return re.sub(r"^[pg4](?=[gul]{1,2}[/l])", "u", text)


def _edits(one: str, other: str) -> int:
    """Letters to insert, delete or replace."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def _spellings(unit: str) -> set[str]:
    """How a unit may be printed, in small letters, and with its slash lost."""
    plain = unit.lower().replace("[iu]", "iu").replace("{1.73_m2}", "1.73m2")
    spellings = {plain, plain.replace("iu", "ui"), plain.replace("/mm3", "/mmc")}
    for power, words in (
        ("10*3", ("k", "mila", "migl", "10^3", "thou", "thousand", "10e3")),
        ("10*6", ("m", "milioni", "10^6", "mill", "million", "10e6")),
        ("10*9", ("10^9",)),
    ):
        if plain.startswith(power):
            spellings |= {spelling.replace(power, word) for word in words for spelling in set(spellings)}
    return spellings | {spelling.replace("/", slash, 1) for slash in ("l", "") for spelling in spellings}


def _plain(text: str) -> str:
    """Without spaces, brackets and typographic variants; raised digits become plain ones."""
    text = unicodedata.normalize("NFKC", text).replace("μ", "u").replace("µ", "u").replace("γ", "gamma")
    text = text.replace("×", "x").replace("⁄", "/").replace("∕", "/").replace("·", "*").replace("ª", "a")
    text = re.sub(r"\s+", "", text)
    text = re.sub(r"^[\[(](.*)[\])]$", r"\1", text).rstrip(".;:,")
    return re.sub(r"^[x*](?=10)", "x", text, flags=re.IGNORECASE)


def convertible(unit: str, target: str, molar_mass: float | None = None, valence: int | None = None) -> bool:
    """Whether `convert` knows a way."""
    return _factor(unit, target, molar_mass, valence) is not None


def convert(
    value: float, unit: str, target: str, molar_mass: float | None = None, valence: int | None = None
) -> float | None:
    """`value` in another UCUM unit; None where the two measure different things.

    Args:
        value: in `unit`.
        unit: UCUM.
        target: UCUM.
        molar_mass: g/mol, for the step between mass and amount of substance.
        valence: charge number, for the step between mmol and meq.

    Example:
        >>> convert(13.5, "g/dL", "g/L"), convert(5.5, "10*9/L", "10*3/uL"), convert(90, "mg/dL", "mmol/L", 180)
        (135.0, 5.5, 5.0)
    """
    factor = _factor(unit, target, molar_mass, valence)
    # 12 digits: what multiplying by a power of ten adds is not part of a result.
    return None if factor is None else float(f"{value * factor:.12g}")


# Numbers without a dimension, which nevertheless are no parts of one another.
_FRACTIONS = {"%", "L/L"}
_SCALES = {*_FRACTIONS, "{INR}", "{ratio}", "mmol/mol"}


@functools.lru_cache(maxsize=4096)
def _factor(unit: str, target: str, molar_mass: float | None, valence: int | None) -> float | None:
    if unit == target:
        return 1.0
    if {unit, target} & _SCALES and not {unit, target} <= _FRACTIONS:
        return None
    unit, target = _comparable(unit), _comparable(target)
    divided = 1.0
    if valence:
        divided = valence ** (("meq" in target) - ("meq" in unit))
        unit, target = unit.replace("meq", "mmol"), target.replace("meq", "mmol")
    pint, registry, _ = _registry()
    try:
        source, wanted = _quantity(unit), _quantity(target)
        if molar_mass and not source.is_compatible_with(wanted):
            per_mole = registry.Quantity(molar_mass, "g/mol")
            source = source / per_mole if source.is_compatible_with("g/L") else source * per_mole
        return float(source.to(wanted.units).magnitude / wanted.magnitude) * divided
    except (pint.DimensionalityError, pint.UndefinedUnitError):
        return None


def _comparable(unit: str) -> str:
    """Without annotations, and with one symbol for enzyme, arbitrary and international units."""
    unit = re.sub(r"\{[^}]*\}", "", unit).replace("[IU]", "U").replace("//", "/").rstrip("/")
    return unit or "1"


@functools.lru_cache(maxsize=512)
def _quantity(unit: str):
    _, registry, parse = _registry()
    return registry.Quantity(1, "dimensionless") * parse(unit)


@functools.cache
def _registry():
    """pint, a registry of our own with UCUM's units, and a function from UCUM code to that registry's quantities."""
    import pint
    from ucumvert import PintUcumRegistry, UcumToPintTransformer, get_ucum_parser

    registry = PintUcumRegistry()
    parser, transformer = get_ucum_parser(), UcumToPintTransformer(ureg=registry)
    return pint, registry, lambda unit: transformer.transform(parser.parse(unit))


def is_unit(unit: str) -> bool:
    """Whether this is a UCUM unit."""
    import lark

    try:
        _quantity(_comparable(unit))
    except (lark.exceptions.LarkError, ValueError):
        return False
    return True
