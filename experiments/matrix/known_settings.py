"""Settings that each PostgreSQL has, and the values that they take: a list that ``nox -s lock`` makes."""

import difflib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SETTINGS_LIST = Path(__file__).parents[1] / "requirements" / "postgresql-settings.tsv"
COLUMNS = ("name", "type", "unit", "least", "most", "values", "majors")
NOTHING = "-"

_BOOLEANS = ("true", "false", "yes", "no", "on", "off", "1", "0")
# Names of a value that pg_settings does not show: guc_tables.c, hidden entries of enumerations.
_HIDDEN = frozenset({"debug", "info", "archive", "hot_standby"})
_NUMBER = re.compile(r"\s*([+-]?(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))\s*([a-z]*)\s*", re.IGNORECASE)
_BYTES = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}


@dataclass(frozen=True)
class KnownSetting:
    """A setting as pg_settings describes it; ``majors`` that have it so."""

    name: str
    type: str
    unit: str
    least: str
    most: str
    values: str
    majors: str

    def problem_of(self, text: str) -> str | None:
        """Return what is wrong with a value, or None."""
        if self.type == "bool":
            beginnings = {word[:length] for word in _BOOLEANS for length in range(1, len(word) + 1)} - {"o"}
            return None if text.strip().lower() in beginnings else "is neither on nor off"
        if self.type == "enum":
            known = self.values.split(",")
            allowed = {*known, *_HIDDEN, *(_BOOLEANS if "on" in known else ())}
            return None if text.lower() in allowed else f"is none of its values: {', '.join(filter(None, known))}"
        return None if self.type == "string" else self._problem_of_number(text)

    def _problem_of_number(self, text: str) -> str | None:
        amount = self.amount(text)
        if amount is None:
            units = next((units for units in (_BYTES, _MICROSECONDS) if self._base(units)), {})
            return "is no number" + (f" with a unit ({', '.join(units)})" if units else "")
        if self.type == "integer":
            amount = round(amount)
        if float(self.least) <= amount <= float(self.most):
            return None
        unit = "" if self.unit == NOTHING else f", in units of {self.unit}"
        return f"is not from {self.least} to {self.most}{unit}"

    def amount(self, text: str) -> float | None:
        """Return a number in the setting's own unit; None if the text is no number, or has a unit of another kind."""
        match = _NUMBER.fullmatch(text)
        if match is None:
            return None
        digits = match[1].lower()
        number = float(int(digits, 16)) if "x" in digits else float(digits)
        if not match[2]:
            return number
        for units in (_BYTES, _MICROSECONDS):
            base = self._base(units)
            if base and match[2] in units:
                return number * units[match[2]] / base
        return None

    def _base(self, units: dict[str, int]) -> int:
        """Return the setting's unit, such as 8kB, in the smallest of these; 0 if it is none of them."""
        match = re.fullmatch(r"(\d*)(\w+)", self.unit)
        return int(match[1] or 1) * units.get(match[2], 0) if match else 0


def settings_of(major: str) -> dict[str, KnownSetting]:
    """Return the settings of a PostgreSQL by their names in small letters; empty if the list has no such version."""
    return {known.name.lower(): known for known in _read_list() if major in known.majors.split(",")}


def find_similar(name: str, known: dict[str, KnownSetting]) -> str:
    """Return '(did you mean X?)', or an empty text if no name is similar."""
    similar = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {similar[0]}?)" if similar else ""


@cache
def _read_list() -> tuple[KnownSetting, ...]:
    lines = SETTINGS_LIST.read_text(encoding="utf-8").splitlines()
    return tuple(KnownSetting(*line.split("\t")) for line in lines if not line.startswith("#"))
