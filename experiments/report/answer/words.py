"""The words of the answer: settings, ranges of numbers, ratios, verdicts in terms of the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.analysis.stats import Estimate, with_interval
from experiments.formatting import NOTHING, count
from experiments.report.answer.facts import THREADS, Contest

MEANING: Mapping[str, str] = {
    "client-bound": "CPU bound, in Python",
    "server-bound": "CPU bound, but in PostgreSQL, not in Python",
    "commit-bound": "IO bound, as commits wait for the disk",
    "latency-bound": "IO bound, as connections wait for answers while no core is full",
    "host-saturated": "bound by the machine, which had too few cores or other work",
    "mixed": "bound by no single thing, as no side is at its limit and no wait is long",
}
"""The verdicts in terms of the question."""

TAKING_TURNS = "bound by taking turns: Python, PostgreSQL and the way between them, one after the other"
"""What ``latency-bound`` comes to with one connection, where either side may compute for most of the time."""


BOTH_FULL = "CPU bound on both sides, Python and PostgreSQL"
"""What ``mixed`` means where it is not that no side is at its limit."""


def mean(label: str, contest: Contest) -> str:
    """A verdict in terms of the question, in this setting."""
    if label == "mixed" and are_both_full(contest):
        return BOTH_FULL
    if label == "latency-bound" and contest.setting["poolsize"] == 1:
        return TAKING_TURNS
    return MEANING.get(label, label)


def are_both_full(contest: Contest) -> bool:
    """Whether those that are ``mixed`` are so as both sides are at their limit."""
    mixed = [one for one in contest.entrants.values() if one.label == "mixed"]
    return bool(mixed) and all(one.both_full for one in mixed)


MOST_DISTURBED = 1 / 3
"""Of somebody's runs: with more of them the verdict may be the neighbours'."""


def group_by_label(contest: Contest, *, quiet: bool = False) -> dict[str, list[str]]:
    """Who has which verdict. ``quiet``: only those who had few enough disturbed runs."""
    groups: dict[str, list[str]] = {}
    for name, one in contest.entrants.items():
        if one.label is not None and not (quiet and one.disturbed > MOST_DISTURBED):
            groups.setdefault(one.label, []).append(name)
    return groups


def name_verdicts(contest: Contest) -> str:
    """'mixed' where all have it; 'threads and uvloop server-bound; asyncio client-bound'; nothing without verdicts."""
    groups = group_by_label(contest)
    if any(len(names) == len(contest.entrants) for names in groups.values()):
        return next(iter(groups))
    return "; ".join(f"{join_and(names)} {label}" for label, names in groups.items())


def join_and(texts: Sequence[str], word: str = "and") -> str:
    """'a', 'a and b', 'a, b and c'."""
    return f" {word} ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def be(names: Sequence[str]) -> str:
    """The verb that goes with these."""
    return "are" if len(names) > 1 or THREADS in names else "is"


def begin(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def say_each(values: Mapping[str, str], verb: str, verb_of_several: str | None = None) -> str:
    """'asyncio loads 0.9 and uvloop 1.1': each by its name, the first with the verb."""
    first, *rest = values.items()
    lead = verb_of_several or verb if first[0] == THREADS else verb
    return join_and([f"{first[0]} {lead} {first[1]}", *(f"{name} {value}" for name, value in rest)])


def span(values: Sequence[float], form: str) -> str:
    """The smallest and the largest of at least one value, or one number where both read the same."""
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"


def between(ratio: Estimate) -> str:
    """What an interval leaves: 'between 8% slower and 21% faster'; nothing where there is none."""
    if ratio.low is None or ratio.high is None:
        return ""
    ends = [f"{abs(end - 1):.0%} {'slower' if end < 1 else 'faster'}" for end in (ratio.low, ratio.high)]
    return f"between {ends[0]} and {ends[1]}"


def times_text(ratio: Estimate) -> str:
    """A ratio for parentheses: '1.46 times, 1.41 to 1.51'; marked where the interval holds 1."""
    alike = ratio.low is not None and ratio.high is not None and ratio.low <= 1 <= ratio.high
    text = f"{'≈ ' if alike else ''}{ratio.value:.2f} times"
    return text if ratio.low is None or ratio.high is None else f"{text}, {ratio.low:.2f} to {ratio.high:.2f}"


def ratio_text(ratio: Estimate | None, noise: bool | None) -> str:
    """A ratio with its interval, marked where it is not told apart from 1."""
    return NOTHING if ratio is None else ("≈ " if noise else "") + with_interval(ratio, ".2f")


def describe_setting(contest: Contest) -> str:
    """'20 connections on `default`', and how much of a core Python has where that is not one."""
    return f"{describe_pool(contest)} on {describe_postgres(contest)}{describe_fraction(contest)}"


def other_rows(number: int) -> str:
    """'the other row', 'the other 3 rows': of the table, beside those that were told of."""
    return "the other row" if number == 1 else f"the other {count(number, 'row')}"


def describe_fraction(contest: Contest) -> str:
    """' with 0.25 of a core for Python'; nothing of a whole core."""
    return "" if contest.setup.client_limit == 1 else f" with {describe_core(contest)}"


def describe_pool(contest: Contest) -> str:
    """'1 connection'."""
    return count(int(contest.setting["poolsize"]), "connection")


def cost_limits(contest: Contest) -> dict[str, float]:
    """How many of its cores Python needs for each core that PostgreSQL fills, by what a row costs either side."""
    return {
        name: one.client_us / one.server_us for name, one in contest.entrants.items() if one.client_us and one.server_us
    }


def describe_postgres(contest: Contest) -> str:
    """The name of its configuration in matrix.yaml."""
    return f"`{contest.setting['postgres']}`"


def describe_core(contest: Contest) -> str:
    """'0.25 of a core for Python'."""
    limit = contest.setup.client_limit
    return f"{'one core' if limit == 1 else count_cores(limit)} for Python"


def client_cores(contest: Contest) -> str:
    """What the loader can use: 'its own', '0.25 of a core'."""
    limit = contest.setup.client_limit
    if contest.setup.shared:
        return count_cores(limit)
    return "its own" if limit == 1 else count_cores(limit)


def server_cores(contest: Contest) -> str:
    """The same of PostgreSQL."""
    limit = contest.setup.server_limit
    if contest.setup.shared:
        cores = contest.setup.shared_cores
        return f"the {'core' if cores == 1 else f'{cores} cores'} that both share"
    return "its core" if limit == 1 else count_cores(limit) if limit < 1 else f"its {limit:g} cores"


def count_cores(limit: float) -> str:
    """'one core', '0.25 of a core', '2 cores'."""
    return "one core" if limit == 1 else f"{limit:g} {'of a core' if limit < 1 else 'cores'}"
