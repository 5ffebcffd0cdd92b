"""The answer in five sentences, each from numbers alone, and true whichever way these turn out.

What was not measured is said to be so. What is not told apart from noise is never called faster or slower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.analysis.stats import FEWEST_BLOCKS
from experiments.formatting import count
from experiments.report.answer.bound import MOST_NAMED, say_bound, say_spared_cost
from experiments.report.answer.facts import ASYNCIO, UVLOOP, Contest, Entrant, Facts
from experiments.report.answer.limits import foretell, foretell_servers, say_limits
from experiments.report.answer.remedies import say_help
from experiments.report.answer.words import (
    be,
    begin,
    between,
    describe_core,
    describe_postgres,
    describe_setting,
    join_and,
    name_verdicts,
    other_rows,
    ratio_text,
    say_each,
    span,
    times_text,
)


def write_sentences(facts: Facts) -> list[str]:
    """The five; or one that says why there are none, where no run in the baseline's setting counts."""
    main = facts.main
    if main is None or not main.entrants:
        return ["No run in the setting of the baseline counts in this campaign, so there is no answer."]
    return [
        f"**IO bound or CPU bound?** {say_bound(facts, main)}",
        f"**Is asyncio faster than threads?** {say_faster(main)}",
        f"**Why?** {say_why(facts, main)}",
        f"**Where does it flip?** {say_flip(facts, main)}",
        f"**What would help?** {say_help(facts, main)}",
    ]


def say_faster(main: Contest) -> str:
    """The ratios to threads, then that of the two loops, which run the same driver."""
    ratios = _ratios(main)
    if not ratios:
        return "Not measured: it takes runs of threads and of asyncio in the same block."
    told = f"{_listed(ratios)} times the rows/s of threads"
    if any(one.noise is None for one in ratios.values()):
        return f"Not known: {told}, but without a noise floor (it takes {FEWEST_BLOCKS} blocks) nothing is told apart."
    faster = [name for name, one in ratios.items() if not one.noise and _value(one) > 1]
    slower = [name for name, one in ratios.items() if not one.noise and _value(one) < 1]
    named = [f"{join_and(names)} {be(names)} {how}" for names, how in ((faster, "faster"), (slower, "slower")) if names]
    verdict = begin(join_and(named)) if named else "No difference is told apart from noise"
    return f"{verdict}: {told}{_left_open(ratios)}.{_loop_or_driver(main, ratios)}"


def _left_open(ratios: Mapping[str, Entrant]) -> str:
    """Not told apart is not equal: what the intervals of those leave."""
    left = {name: between(one.ratio) for name, one in ratios.items() if one.noise and one.ratio is not None}
    known = {name: text for name, text in left.items() if text}
    return f"; that leaves room for {join_and([f'{name} {text}' for name, text in known.items()])}" if known else ""


def say_why(facts: Facts, main: Contest) -> str:
    """What a row costs either side, and which of them ends first."""
    costs = {name: one.client_us for name, one in main.entrants.items() if one.client_us}
    if not costs:
        return "Not known: no run says what a row cost."
    (first, cost), *rest = costs.items()
    parts = [f"{cost:.1f} µs of CPU time with {first}", *(f"{more:.1f} µs with {name}" for name, more in rest)]
    parts = [f"{part}{_more(main.entrants[name])}" for part, name in zip(parts, costs, strict=True)]
    text = f"For a row Python takes {join_and(parts)}"
    server = [one.server_us for one in main.entrants.values() if one.server_us]
    if not server:
        return f"{text}; what PostgreSQL takes was not recorded."
    return f"{text}; PostgreSQL takes {span(server, '.0f')} µs{say_spared_cost(facts, main)}. {say_limits(main)}"


def say_flip(facts: Facts, main: Contest) -> str:
    """From where on Python is the limit, by the costs; what was measured there, and elsewhere; with more servers."""
    others = [contest for contest in facts.contests if not contest.main and _ratios(contest)]
    fractions = [contest for contest in others if contest.setup.client_limit < 1]
    decided = [one for one in fractions if name_verdicts(one) == "client-bound"]
    parts = [foretell(main, tried=bool(fractions), decided=bool(decided)), _fractions(decided, main)]
    parts.append(_other_fractions([one for one in fractions if one not in decided], bool(decided)))
    parts.append(_on_whole_cores([contest for contest in others if contest.setup.client_limit >= 1]))
    parts.append(foretell_servers(main))
    return " ".join(part for part in parts if part)


def _ratios(contest: Contest) -> dict[str, Entrant]:
    """Those with a ratio to threads."""
    return {name: one for name, one in contest.entrants.items() if one.ratio is not None}


def _value(entrant: Entrant) -> float:
    return 1.0 if entrant.ratio is None else entrant.ratio.value


def _listed(ratios: Mapping[str, Entrant]) -> str:
    """'asyncio loads 0.87 (0.85 to 0.90) and uvloop ≈ 0.99 (0.97 to 1.02)'."""
    return say_each({name: ratio_text(one.ratio, one.noise) for name, one in ratios.items()}, "loads")


def _loop_or_driver(main: Contest, ratios: Mapping[str, Entrant]) -> str:
    """What the loop does by itself, and what is left for the driver."""
    if main.loops is None or main.loops_noise is None:
        return ""
    ratio = ratio_text(main.loops, main.loops_noise)
    between = f"with the same driver uvloop loads {ratio} times the rows of asyncio"
    if not main.loops_noise:
        best = ratios.get(UVLOOP)
        left = "" if best is None or not best.noise else ", which leaves nothing to be told of the driver"
        return f" The loop matters: {between}{left}."
    if {ASYNCIO, UVLOOP} <= ratios.keys() and not any(one.noise for one in ratios.values()):
        return f" It is the driver rather than the loop: {between}."
    return f" Nor are the loops told apart: {between}."


def _more(entrant: Entrant) -> str:
    """What its rows cost Python as against threads."""
    return f" ({times_text(entrant.cpu_ratio)})" if entrant.cpu_ratio is not None else ""


def _fractions(contests: Sequence[Contest], main: Contest) -> str:
    """Who wins where Python is everybody's limit: the first in full, then the same of the others."""
    told: list[str] = []
    for contest in contests:
        same = contest.setting["postgres"] == main.setting["postgres"]
        setting = describe_core(contest) + ("" if same else f" and {describe_postgres(contest)}")
        ratios = _ratios(contest)
        again = bool(told) and ratios.keys() == _ratios(contests[0]).keys()
        loads = join_and([ratio_text(one.ratio, one.noise) for one in ratios.values()]) if again else _listed(ratios)
        told.append(f"with {setting} {loads}{'' if told else ' times the rows of threads'}")
    return f"Campaign where it is the limit of all: {', '.join(told)}." if told else ""


def _other_fractions(contests: Sequence[Contest], decided: bool) -> str:
    """Whether anybody is told apart with a fraction of a core that is not the limit of all."""
    known = [one for contest in contests for one in _ratios(contest).values() if one.noise is not None]
    if not known:
        return ""
    found = [
        f"{name} {ratio_text(one.ratio, False)} with {describe_core(contest)} on {describe_postgres(contest)}"
        for contest in contests
        for name, one in _ratios(contest).items()
        if one.noise is False
    ]
    where = f"in {other_rows(len(contests)) if decided else count(len(contests), 'row')} with a fraction"
    if not found:
        return begin(f"{where} nobody is told apart from threads.")
    return begin(f"{where} these are told apart from threads: {'; '.join(found[:MOST_NAMED])}.")


def _on_whole_cores(contests: Sequence[Contest]) -> str:
    """In which settings on whole cores somebody is told apart from threads."""
    if not any(one.noise is not None for contest in contests for one in contest.entrants.values()):
        return ""
    found = [
        (max(_value(one), 1 / _value(one)), f"{name} {ratio_text(one.ratio, False)} with {describe_setting(contest)}")
        for contest in contests
        for name, one in _ratios(contest).items()
        if one.noise is False
    ]
    settings = other_rows(len(contests))
    if not found:
        return f"With a whole core nobody is told apart from threads in {settings}."
    told = "; ".join(text for _, text in sorted(found, reverse=True)[:MOST_NAMED])
    which = "these" if len(found) <= MOST_NAMED else f"{len(found)}"
    furthest = "" if len(found) <= MOST_NAMED else ", the furthest"
    return f"In {settings} with a whole core {which} ratios to threads are told from noise{furthest}: {told}."
