"""The first sentence of the answer: what it is bound by, from which shares, and where by something else."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.answer_facts import Contest, Facts
from experiments.answer_limits import CLIENT, SERVER, find_limit
from experiments.answer_words import (
    MEANING,
    TAKING_TURNS,
    be,
    begin,
    client_cores,
    describe_core,
    describe_fraction,
    describe_pool,
    describe_postgres,
    group_by_label,
    join_and,
    mean,
    server_cores,
    span,
)
from experiments.verdict import WAIT_SHARE
from experiments.wording import count

MOST_NAMED = 3
"""More groups of settings, or ratios, than that are not named."""

# Less is not spelt out.
_LEAST_SHARE = 0.005


def say_bound(facts: Facts, main: Contest) -> str:
    """Which verdict, from which shares, what commits cost PostgreSQL, and where it is another verdict."""
    durable = " and commits that wait for the disk" if main.durable else ""
    setting = f"with {describe_pool(main)}{durable} ({describe_postgres(main)}),"
    rest = f"{_busy(main)}. {_states(main)}{_commit_cost(facts, main)}"
    groups = group_by_label(main)
    if not groups:
        unknown = "This campaign did not look at what connections wait for, so there is no verdict."
        return f"{begin(f'{_by_cores(main)}{setting} {rest}')}{unknown}"
    if len(groups) == 1:
        (label, names), *_ = groups.items()
        verdict = f"{mean(label, main)}: {setting} {join_and(names)} {be(names)} *{label}*"
    else:
        each = [f"{join_and(names)} {be(names)} *{label}* ({mean(label, main)})" for label, names in groups.items()]
        verdict = f"It depends on the loader: {setting} {join_and(each)}"
    return f"{begin(verdict)}. {begin(rest)}{_elsewhere(facts, main)}".rstrip()


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
    return f"{busy}, Python {span(client, '.0%')} of {client_cores(main)}"


def _states(main: Contest) -> str:
    """What the connections did, as far as somebody looked."""
    names = ("active", "idle", "in_transaction", "commit_wait")
    shares = {
        name: [share for one in main.entrants.values() if (share := getattr(one, name)) is not None] for name in names
    }
    if not shares["active"] or not shares["idle"]:
        return ""
    waiting = f" ({_commits(main, shares['commit_wait'])})" if shares["commit_wait"] else ""
    parts = [f"{span(shares['active'], '.0%')} are active in PostgreSQL{waiting}"]
    if max(shares["in_transaction"], default=0) >= _LEAST_SHARE:
        parts.append(f"{span(shares['in_transaction'], '.0%')} idle in a transaction")
    # Only a process that runs can say that it has begun with a statement.
    seen = any(find_limit(one) == SERVER for one in main.entrants.values())
    parts.append(f"{span(shares['idle'], '.0%')} idle{', or waiting for that core unseen' if seen else ''}")
    return f"Of the connections {join_and(parts)}. "


def _commits(main: Contest, shares: Sequence[float]) -> str:
    """Who waits for commits; and where that is long though the server's cores are busy, that it is not for the disk."""
    waiting = f"{span(shares, '.0%')} wait for a commit"
    if max(shares) < WAIT_SHARE or set(group_by_label(main)) != {"server-bound"}:
        return waiting
    return f"{waiting}, whose flush needs that core, too"


def _commit_cost(facts: Facts, main: Contest) -> str:
    """How much of what a row costs PostgreSQL is for waiting until it is on disk."""
    usual = [one.server_us for one in main.entrants.values() if one.server_us]
    spared = [contest for contest in facts.contests if not contest.durable and _differ(contest, main) == ["postgres"]]
    costs = [one.server_us for contest in spared for one in contest.entrants.values() if one.server_us]
    if not main.durable or not usual or not costs:
        return ""
    names = join_and([describe_postgres(contest) for contest in spared], "or")
    cost = f"A row costs PostgreSQL {span(usual, '.0f')} µs of CPU time"
    return f"{cost}, {span(costs, '.0f')} µs where no commit waits for the disk ({names}). "


def _differ(contest: Contest, main: Contest) -> list[str]:
    return [axis for axis, value in contest.setting.items() if value != main.setting.get(axis)]


def _elsewhere(facts: Facts, main: Contest) -> str:
    """In which other settings whom another verdict is given to; named only where not all there have it.

    Fractions of a core are left to the sentence about them.
    """
    usual = {name: one.label for name, one in main.entrants.items()}
    judged = [one for one in facts.contests if not one.main and one.setup.client_limit >= 1 and group_by_label(one)]
    others: dict[tuple[str, str], list[Contest]] = {}
    for contest in judged:
        for label, names in group_by_label(contest).items():
            if any(usual.get(name) != label for name in names):
                whose = "" if len(names) == len(contest.entrants) else f" for {join_and(names)}"
                others.setdefault((whose, label), []).append(contest)
    if not judged:
        return ""
    if not others:
        return f"No other verdict comes out in {count(len(judged), 'other setting')}."
    told = [
        f"*{label}*{_turns(label, those)}{whose} with {_which(those, judged)}"
        for (whose, label), those in sorted(others.items())
    ]
    left = f"; and {len(told) - MOST_NAMED} more in the table" if len(told) > MOST_NAMED else ""
    return f"Other verdicts: {'; '.join(told[:MOST_NAMED])}{left}."


def _turns(label: str, some: Sequence[Contest]) -> str:
    """With one connection it is no waiting for others that holds a row back."""
    return " (taking turns)" if all(mean(label, contest) == TAKING_TURNS for contest in some) else ""


def _which(some: Sequence[Contest], judged: Sequence[Contest]) -> str:
    """The settings in words, by one value where all that have it are meant."""
    for axis, describe in (("poolsize", describe_pool), ("postgres", describe_postgres), ("resources", describe_core)):
        values = {contest.setting[axis] for contest in some}
        meant = [contest for contest in judged if contest.setting[axis] in values]
        if len(some) > 1 and len(values) == 1 and len(meant) == len(some):
            return f"{describe(some[0])} throughout"
    servers: dict[tuple[str, str], list[Contest]] = {}
    for contest in some:
        servers.setdefault((describe_postgres(contest), describe_fraction(contest)), []).append(contest)
    pools: dict[tuple[str, str], list[str]] = {}
    for (server, fraction), those in servers.items():
        pools.setdefault((_pools(those), fraction), []).append(server)
    told = [f"{pool} on {join_and(names, 'or')}{fraction}" for (pool, fraction), names in pools.items()]
    return join_and(told, "or") if len(told) <= MOST_NAMED else join_and([*told[:MOST_NAMED], "elsewhere"])


def _pools(some: Sequence[Contest]) -> str:
    """'1 or 5 connections'."""
    *smaller, largest = sorted(some, key=lambda contest: int(contest.setting["poolsize"]))
    return join_and([*(str(one.setting["poolsize"]) for one in smaller), describe_pool(largest)], "or")
