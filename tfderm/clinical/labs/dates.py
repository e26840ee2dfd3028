"""When the specimen was taken, and the patient's sex where ranges depend on it. No other date is read."""

import re
from collections.abc import Iterable
from datetime import date

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan gennaio gen", "february feb febbraio", "march mar marzo", "april apr aprile", "may maggio mag",
            "june jun giugno giu", "july jul luglio lug", "august aug agosto ago", "september sep sept settembre set",
            "october oct ottobre ott", "november nov novembre", "december dec dicembre dic",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
"""Pattern of a month's name, in English or Italian."""
_DATE = re.compile(
    r"(?<![\d.,])(?:(?P<iso>(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2}))|"
    r"(?P<one>\d{1,2})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<end>\d{4}|\d{2})(?![.,]\d)|"
    rf"(?P<name>{MONTH})\.?\s+(?P<name_day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<name_year>\d{{4}})|"
    rf"(?P<day_first>\d{{1,2}})[\s.-]+(?P<day_name>{MONTH})\.?,?[\s.-]+(?P<day_year>\d{{4}}))(?!\d)",
    re.IGNORECASE,
)
# In order of trust: taken, arrived, of no said kind, written.
_KINDS = (
    r"collect(?:ed|ion)|drawn|draw\s+date|sampl(?:ed|ing)|prelievo|prelevat[oi]|raccolta|data\s+camp|specimen\s+date",
    r"receiv(?:ed|al)|accettazione|accession(?:ed)?\s+date|registered|check-?in|ricevut[oi]|arrivo",
    r"(?:^|\s{2}|\|)\s*(?:test\s+|visit\s+|service\s+|exam\s+)?(?:date|data)(?:\s+(?:esame|of\s+service|of\s+test))?\s*[:=]",
    r"report(?:ed)?(?:\s+(?:date|on|printed))?|referto|refertazione|result(?:ed)?\s+date|issued|validat|stampa|print(?:ed)?",
)
_BIRTH = re.compile(r"birth|\bdob\b|\bd\.o\.b|nascita|nat[oa]\s+(?:il|a)|d\.?\s?n\.?\s*:|\bborn\b", re.IGNORECASE)
_SEX = re.compile(
    r"\b(?:sex|gender|sesso|genere)\b\s*(?:/\s*(?:age|età))?\s*[:=.]?\s*"
    r"(?:\d{1,3}\s*(?:y\w*|anni)?\s*[/,]\s*)?(?P<sex>male|female|maschi[oe]|femmina|m\b|f\b)",
    re.IGNORECASE,
)


def iso(text: str) -> str | None:
    """A date as YYYY-MM-DD if `text` is one and nothing else; where day and month may be either, the day is first."""
    match = _DATE.fullmatch(text.strip("(),;"))
    days = _days(match, None) if match else []
    return days[0].isoformat() if days else None


def collected(lines: Iterable[str], day_first: bool | None) -> tuple[date | None, tuple[date, ...]]:
    """The day of collection, else of receipt, else of the test, else of the report.

    Args:
        lines: the report's text; two spaces between columns.
        day_first: whether 03/04/2025 is in April; None to conclude it from other dates of the report.

    Returns:
        The date, or None where none is labelled or it may be two days; then those two.
    """
    lines = list(lines)
    if day_first is None:
        day_first = _order(lines)
    for kind in _KINDS:
        for line in lines:
            for label in re.finditer(kind, line, re.IGNORECASE):
                match = _DATE.search(line, label.end())
                between = line[label.end() : match.start()] if match else ""
                if not match or len(between) > 40 or _DATE.search(between) or _BIRTH.search(between):
                    continue
                if _BIRTH.search(line[max(0, label.start() - 12) : label.end()]):
                    continue
                days = _days(match, day_first)
                if days:
                    return (days[0], ()) if len(days) == 1 else (None, tuple(days))
    return None, ()


def sex(lines: Iterable[str]) -> str | None:
    """male, female, or None where the report does not say."""
    for line in lines:
        if match := _SEX.search(line):
            return "female" if match["sex"][0].lower() == "f" else "male"
    return None


def holds_date(text: str) -> bool:
    return bool(_DATE.search(text))


def _order(lines: list[str]) -> bool | None:
    orders = set()
    for match in (match for line in lines for match in _DATE.finditer(line) if match["one"]):
        one, two = int(match["one"]), int(match["two"])
        if one > 12 >= two:
            orders.add(True)
        elif two > 12 >= one:
            orders.add(False)
    return orders.pop() if len(orders) == 1 else None


def _days(match: re.Match, day_first: bool | None) -> list[date]:
    if match["iso"]:
        guesses = [(match["year"], match["month"], match["day"])]
    elif match["name"]:
        guesses = [(match["name_year"], _MONTHS[match["name"].lower()], match["name_day"])]
    elif match["day_name"]:
        guesses = [(match["day_year"], _MONTHS[match["day_name"].lower()], match["day_first"])]
    else:
        year = match["end"] if len(match["end"]) == 4 else f"20{match['end']}"
        both = [(year, match["two"], match["one"]), (year, match["one"], match["two"])]
        guesses = both if day_first is None else both[:1] if day_first else both[1:]
    found = []
    for guess in guesses:
        try:
            day = date(*map(int, guess))
        except ValueError:
            continue
        if day not in found:
            found.append(day)
    return found
