"""Printed numbers, whose comma may divide decimals or thousands."""

import re
from collections import Counter
from collections.abc import Iterable

NUMBER = r"(?:\d{1,3}(?:[.,'’]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?|(?<![\d.,])[.,]\d+)"


def values(text: str, decimal: str | None) -> tuple[float, ...]:
    """What a printed number may mean, the likelier first: two values where one separator precedes three digits.

    Args:
        text: digits with points, commas or apostrophes.
        decimal: the report's decimal separator, "." or ",", where it is known.

    Example:
        >>> values("4,5", None), values("1.234,5", None), values("1.234", ","), values("0.123", ",")
        ((4.5,), (1234.5,), (1234.0, 1.234), (0.123,))
    """
    text = re.sub(r"['’]", "", text)
    separators = re.findall(r"[.,]", text)
    if not separators:
        return (float(text),)
    last = separators[-1]
    whole, _, part = text.rpartition(last)
    if len(set(separators)) == 2:
        return (float(re.sub(r"[.,]", "", whole) + "." + part),)
    if len(separators) > 1:
        return (float(re.sub(r"[.,]", "", text)),)
    as_decimal = float(f"{whole or 0}.{part}")
    if len(part) != 3 or not whole.strip("0") or len(whole) > 3:
        return (as_decimal,)
    as_thousands = float(whole + part)
    return (as_decimal, as_thousands) if decimal in (last, None) else (as_thousands, as_decimal)


def decimal_separator(texts: Iterable[str]) -> str | None:
    """The separator that the numbers of a report use where there is no doubt; None where there is none, or both are."""
    found: Counter[str] = Counter()
    for text in texts:
        for number in re.findall(r"(?<![\d.,/-])\d+[.,]\d+(?![\d.,/])", text):
            whole, separator, part = re.split(r"([.,])", number)
            if len(part) != 3 or whole == "0":
                found[separator] += 1
    if not found:
        return None
    (most, often), *others = found.most_common()
    return most if not others or often >= 4 * others[0][1] else None
