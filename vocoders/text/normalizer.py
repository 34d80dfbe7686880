"""English transcripts as they are spoken: words and punctuation, no digits, symbols or abbreviations.

>>> normalize("Dr. Smith paid $12.50 in 1905 – “a lot”.")
'Doctor Smith paid twelve dollars fifty cents in nineteen oh-five - "a lot".'

Letter case is kept, and so is what LJ Speech's own normalised column keeps: "i.e.", "etc.", accented letters.
"""

import re
import unicodedata

from num2words import num2words

_ASCII = str.maketrans({
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'",
    "“": '"', "”": '"', "„": '"', "″": '"', "«": '"', "»": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "−": "-", "—": "--", "―": "--", "…": "...", "⁄": "/",
    "\u00ad": None, "\u200b": None, "\ufeff": None,  # soft hyphen, zero-width space, byte order mark
})  # fmt: skip

_ABBREVIATIONS = {
    "Mr": "Mister", "Mrs": "Missus", "Messrs": "Messieurs", "Dr": "Doctor", "Drs": "Doctors",
    "Rev": "Reverend", "Hon": "Honorable", "Esq": "Esquire", "Jr": "Junior", "Sr": "Senior",
    "Gen": "General", "Maj": "Major", "Col": "Colonel", "Capt": "Captain", "Lt": "Lieutenant",
    "Sgt": "Sergeant", "St": "Saint", "Ft": "Fort", "Co": "Company", "Ltd": "Limited",
}  # fmt: skip

_CURRENCIES = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent")}
_PLURALS = {"penny": "pence"}

_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"


def normalize(text: str) -> str:
    """`text` as words and punctuation, on one line with single spaces; normalising twice changes nothing."""
    text = unicodedata.normalize("NFKC", text.translate(_ASCII)).translate(_ASCII)
    for pattern, spoken in _RULES:
        text = pattern.sub(spoken, text)
    return " ".join(text.split())


def _cardinal(number: str) -> str:
    number = number.replace(",", "")
    if number.isdigit() and (len(number) > 12 or (number[0] == "0" and len(number) > 1)):
        return " ".join(num2words(int(digit)) for digit in number)  # a telephone number, an agent
    return num2words(number).replace(",", "")


def _year(match: re.Match) -> str:
    return num2words(int(match[0]), to="year").replace(",", "")


def _decade(match: re.Match) -> str:
    spoken = num2words(int(match[1]), to="year").replace(",", "")
    return spoken[:-1] + "ies" if spoken.endswith("y") else spoken + "s"


def _ordinal(match: re.Match) -> str:
    return num2words(int(match[1].replace(",", "")), to="ordinal").replace(",", "")


def _time(match: re.Match) -> str:
    hour, minute = num2words(int(match[1])), int(match[2])
    if minute == 0:
        return f"{hour} o'clock"
    return f"{hour} {'oh ' if minute < 10 else ''}{num2words(minute)}"


def _counted(number: str, unit: str) -> str:
    plural = _PLURALS.get(unit, unit + "s")
    return f"{_cardinal(number.lstrip('0') or '0')} {unit if number.lstrip('0') == '1' else plural}"


def _money(match: re.Match) -> str:
    (unit, part), amount, scale = _CURRENCIES[match[1]], match[2], match[3]
    whole, _, fraction = amount.partition(".")
    if scale:
        return f"{_cardinal(amount)} {scale} {unit}s"
    if len(fraction) not in (0, 2):  # "$1.5" is no sum of coins
        return f"{_cardinal(amount)} {unit}s"
    if not fraction or fraction == "00":
        return _counted(whole, unit)
    coins = _counted(fraction, part)
    return coins if whole == "0" else f"{_counted(whole, unit)} {coins}"


# Applied from top to bottom: what a rule has spelt out, the next ones no longer see as digits.
_RULES = [
    (re.compile(rf"\b({'|'.join(_ABBREVIATIONS)})\.(?=\W|$)"), lambda match: _ABBREVIATIONS[match[1]]),
    (re.compile(r"\bNos?\. ?(?=\d)"), "number "),
    (re.compile(r" ?& ?"), " and "),
    (re.compile(rf"([$£€]) ?({_NUMBER})(?: (thousand|million|billion|trillion)\b)?"), _money),
    (re.compile(rf"({_NUMBER}) ?%"), lambda match: f"{_cardinal(match[1])} percent"),
    (re.compile(r"\b(\d{1,2}):([0-5]\d)\b"), _time),
    (re.compile(r"\b(1[1-9]\d0|20\d0)'?s\b"), _decade),
    (re.compile(r"\b(\d+(?:,\d{3})*)(?:st|nd|rd|th)\b"), _ordinal),
    (re.compile(r"(?<![\d.,])(1[1-9]\d\d|20\d\d)(?![\d%]|[.,]\d)"), _year),
    (re.compile(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])"), " "),  # "B52"
    (re.compile(r"(?<!\S)-(?=\d)"), "minus "),
    (re.compile(_NUMBER), lambda match: _cardinal(match[0])),
]
