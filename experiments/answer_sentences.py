"""The answer in five sentences, each from numbers alone, and true whichever way these turn out.

What was not measured is said to be so. What is not told apart from noise is never called faster or slower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.answer_facts import ASYNCIO, THREADS, UVLOOP, Contest, Entrant, Facts
from experiments.answer_help import say_help
from experiments.answer_limits import CLIENT, SERVER, find_limit, foretell, say_limits
from experiments.answer_words import (
    MEANING,
    be,
    begin,
    client_cores,
    describe_core,
    describe_pool,
    describe_postgres,
    describe_setting,
    join_and,
    ratio_text,
    say_each,
    server_cores,
    span,
)
from experiments.stats import FEWEST_BLOCKS
from experiments.verdict import WAIT_SHARE
from experiments.wording import count

# More settings than that are counted instead of named.
_MOST_NAMED = 3

# Less is not spelt out.
_LEAST_SHARE = 0.005


def write_sentences(facts: Facts) -> list[str]:
    """The five; or one that says why there are none, where no run with the defaults counts."""
    main = facts.main
    if main is None or not main.entrants:
        return ["No run with the defaults counts in this campaign, so there is no answer."]
    return [
        f"**IO bound or CPU bound?** {say_bound(facts, main)}",
        f"**Is asyncio faster than threads?** {say_faster(main)}",
        f"**Why?** {say_why(main)}",
        f"**Where does it flip?** {say_flip(facts, main)}",
        f"**What would help?** {say_help(facts, main)}",
    ]


def say_bound(facts: Facts, main: Contest) -> str:
    """Which verdict, from which shares, and where it is another one."""
    durable = ", where each row waits until it is on disk," if main.durable else ""
    setting = f"with {describe_pool(main)} and PostgreSQL {describe_postgres(main)}{durable}"
    busy = f"{_busy(main)}{_states(main)}."
    groups = _by_label(main)
    if not groups:
        unknown = "What the connections waited for was not observed in this campaign, so there is no verdict."
        return begin(f"{_by_cores(main)}{setting} {busy} {unknown}")
    if len(groups) == 1:
        (label, names), *_ = groups.items()
        verdict = f"{MEANING.get(label, label)}: {setting} {join_and(names)} {be(names)} *{label}*"
    else:
        each = [
            f"{join_and(names)} {be(names)} *{label}* ({MEANING.get(label, label)})" for label, names in groups.items()
        ]
        verdict = f"It depends on the loader: {setting} {join_and(each)}"
    return f"{begin(verdict)}. {busy}{_elsewhere(facts, main)}"


def say_faster(main: Contest) -> str:
    """The ratios to threads, then that of the two loops, which run the same driver."""
    ratios = _ratios(main)
    if not ratios:
        return "Not measured: it takes runs of threads and of asyncio in the same block."
    told = f"{_listed(ratios)} times the rows per second of threads"
    if any(one.noise is None for one in ratios.values()):
        return f"Not known: {told}, but without a noise floor (it takes {FEWEST_BLOCKS} blocks) nothing is told apart."
    faster = [name for name, one in ratios.items() if not one.noise and _value(one) > 1]
    slower = [name for name, one in ratios.items() if not one.noise and _value(one) < 1]
    named = [f"{join_and(names)} {be(names)} {how}" for names, how in ((faster, "faster"), (slower, "slower")) if names]
    verdict = begin(join_and(named)) if named else "No difference is told apart from noise"
    return f"{verdict}: {told}.{_loop_or_driver(main, ratios)}"


def say_why(main: Contest) -> str:
    """What a row costs either side, and which of them ends first."""
    costs = {name: one.client_us for name, one in main.entrants.items() if one.client_us}
    if not costs:
        return "Not known: no run says what a row cost."
    parts = [f"{cost:.1f} µs with {name}{_more(cost, costs.get(THREADS), name)}" for name, cost in costs.items()]
    text = f"For a row the Python process takes {join_and(parts)} of CPU time"
    server = [one.server_us for one in main.entrants.values() if one.server_us]
    if not server:
        return f"{text}; what PostgreSQL takes was not recorded."
    return f"{text}, PostgreSQL {span(server, '.0f')} µs. {say_limits(main)}"


def say_flip(facts: Facts, main: Contest) -> str:
    """Where asyncio and threads are told apart: on whole cores, and with a fraction of one."""
    others = [contest for contest in facts.contests if not contest.main and _ratios(contest)]
    fractions = [contest for contest in others if contest.setup.client_limit < 1]
    alike = [one for one in fractions if one.setting["postgres"] == main.setting["postgres"]]
    parts = [_fraction(contest, main) for contest in alike or fractions] or [foretell(main)]
    parts.append(_on_whole_cores([contest for contest in others if contest.setup.client_limit >= 1]))
    return " ".join(part for part in parts if part)


def _ratios(contest: Contest) -> dict[str, Entrant]:
    """Those with a ratio to threads."""
    return {name: one for name, one in contest.entrants.items() if one.ratio is not None}


def _value(entrant: Entrant) -> float:
    return 1.0 if entrant.ratio is None else entrant.ratio.value


def _listed(ratios: Mapping[str, Entrant]) -> str:
    """'asyncio loads 0.87 (0.85 to 0.90) and uvloop ≈ 0.99 (0.97 to 1.02)'."""
    return say_each({name: ratio_text(one.ratio, one.noise) for name, one in ratios.items()}, "loads")


def _by_label(contest: Contest) -> dict[str, list[str]]:
    """Who has which verdict."""
    groups: dict[str, list[str]] = {}
    for name, one in contest.entrants.items():
        if one.label is not None:
            groups.setdefault(one.label, []).append(name)
    return groups


def _by_cores(main: Contest) -> str:
    """What how busy the cores are says by itself, where it says the same of all."""
    limits = {find_limit(one) for one in main.entrants.values()}
    labels = {SERVER: "server-bound", CLIENT: "client-bound"}
    label = labels.get(limits.pop() or "") if len(limits) == 1 else None
    return "" if label is None else f"by how busy the cores are, {MEANING[label]}: "


def _busy(main: Contest) -> str:
    """How busy either side is."""
    client = [one.client_share for one in main.entrants.values() if one.client_share is not None]
    server = [one.server_share for one in main.entrants.values() if one.server_share is not None]
    if not client or not server:
        return "nothing says how busy the cores are"
    busy = f"PostgreSQL uses {span(server, '.0%')} of {server_cores(main)}"
    return f"{busy}, the Python process {span(client, '.0%')} of {client_cores(main)}"


def _states(main: Contest) -> str:
    """What the connections did, as far as somebody looked."""
    names = ("active", "idle", "in_transaction", "commit_wait")
    shares = {
        name: [share for one in main.entrants.values() if (share := getattr(one, name)) is not None] for name in names
    }
    if not shares["active"] or not shares["idle"]:
        return ""
    waiting = f" ({_commits(main, shares['commit_wait'])})" if shares["commit_wait"] else ""
    parts = [f"{span(shares['active'], '.0%')} of the connections are active in PostgreSQL{waiting}"]
    if max(shares["in_transaction"], default=0) >= _LEAST_SHARE:
        parts.append(f"{span(shares['in_transaction'], '.0%')} idle in a transaction")
    parts.append(f"{span(shares['idle'], '.0%')} idle, {_idle(main)}")
    return f"; {join_and(parts)}"


def _idle(main: Contest) -> str:
    """What an idle connection waits for. Only a process that runs can say that it has begun with a statement."""
    if any(find_limit(one) == SERVER for one in main.entrants.values()):
        return "waiting for Python or, with a statement that has come, for PostgreSQL's busy CPU"
    return "waiting for Python"


def _commits(main: Contest, shares: Sequence[float]) -> str:
    """Who waits for commits; and where that is long though the server's cores are busy, that it is not for the disk."""
    waiting = f"{span(shares, '.0%')} wait for a commit"
    idle = [1 - min(1.0, one.server_share) for one in main.entrants.values() if one.server_share is not None]
    if max(shares) < WAIT_SHARE or set(_by_label(main)) != {"server-bound"} or not idle:
        return waiting
    return f"{waiting}, though PostgreSQL's CPU is idle for only {span(idle, '.0%')} of the time"


def _elsewhere(facts: Facts, main: Contest) -> str:
    """In which other settings the verdict is another one."""
    usual = set(_by_label(main))
    judged = [contest for contest in facts.contests if not contest.main and _by_label(contest)]
    others: dict[str, list[Contest]] = {}
    for contest in judged:
        for label in set(_by_label(contest)) - usual:
            others.setdefault(label, []).append(contest)
    if not judged:
        return ""
    if not others:
        return f" No other verdict comes out in {count(len(judged), 'other setting')}."
    told = [f"*{label}* with {_which(those, judged)}" for label, those in sorted(others.items())]
    return f" Other verdicts: {'; '.join(told)}."


def _which(some: Sequence[Contest], judged: Sequence[Contest]) -> str:
    """The settings in words, by one value where all that have it are meant."""
    for axis, describe in (("poolsize", describe_pool), ("postgres", describe_postgres), ("resources", describe_core)):
        values = {contest.setting[axis] for contest in some}
        meant = [contest for contest in judged if contest.setting[axis] in values]
        if len(some) > 1 and len(values) == 1 and len(meant) == len(some):
            return f"{describe(some[0])} throughout"
    named = [describe_setting(contest) for contest in some[:_MOST_NAMED]]
    left = len(some) - len(named)
    return f"{', '.join(named)} and {left} more" if left else " or ".join(named)


def _loop_or_driver(main: Contest, ratios: Mapping[str, Entrant]) -> str:
    """What the loop does by itself, and what is left for the driver."""
    if main.loops is None or main.loops_noise is None:
        return ""
    between = f"uvloop loads {ratio_text(main.loops, main.loops_noise)} times the rows of asyncio with the same driver"
    if not main.loops_noise:
        best = ratios.get(UVLOOP)
        left = "" if best is None or not best.noise else ", which leaves nothing to be told of the driver"
        return f" The loop matters: {between}{left}."
    if {ASYNCIO, UVLOOP} <= ratios.keys() and not any(one.noise for one in ratios.values()):
        return f" It is the driver rather than the loop: {between}."
    return f" Nor are the loops told apart: {between}."


def _more(cost: float, base: float | None, name: str) -> str:
    return f" ({cost / base:.2f} times as much)" if base and name != THREADS else ""


def _fraction(contest: Contest, main: Contest) -> str:
    """Who wins with so much of a core."""
    same = contest.setting["postgres"] == main.setting["postgres"]
    setting = describe_core(contest) + ("" if same else f" and {describe_postgres(contest)}")
    labels = f" ({', '.join(_by_label(contest))})" if _by_label(contest) else ""
    return f"With {setting}{labels}, {_listed(_ratios(contest))} times the rows of threads."


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
    settings = f"{count(len(contests), 'other setting')} with a whole core for Python"
    if not found:
        return f"In {settings} nobody is told apart from threads."
    told = "; ".join(text for _, text in sorted(found, reverse=True)[:_MOST_NAMED])
    if len(found) <= _MOST_NAMED:
        return f"Of {settings}, these ratios to threads are told from noise: {told}."
    return f"Of {settings}, {len(found)} ratios to threads are told from noise, the furthest: {told}."
