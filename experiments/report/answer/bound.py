"""The first sentence of the answer: what it is bound by, from which shares, and where by something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.analysis.verdict import WAIT_SHARE
from experiments.report.answer.facts import Contest, Facts
from experiments.report.answer.limits import CLIENT, SERVER, find_limit
from experiments.report.answer.words import (
    MEANING,
    TAKING_TURNS,
    are_both_full,
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
    other_rows,
    server_cores,
    span,
)

MOST_NAMED = 3
"""More groups of settings, or ratios, than that are not named."""

# Less is not spelt out.
_LEAST_SHARE = 0.005

# Of the connections' time: who waits less than that for the disk would gain little by a faster one.
_LITTLE = 0.1


def say_bound(facts: Facts, main: Contest) -> str:
    """Which verdict, from which shares, what commits cost PostgreSQL, and where it is another verdict."""
    durable = " and commits that wait for the disk" if main.durable else ""
    setting = f"with {describe_pool(main)}{durable} ({describe_postgres(main)}),"
    rest = f"{_busy(main)}. {_states(main)}"
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
    if _is_server_bound(main) and not main.setup.shared:
        # Who stands in a queue for a core that is full does not wait for the disk, unless that is most of it.
        disk = [one.sync_wait for one in main.entrants.values() if one.sync_wait is not None]
        instead = ", not the disk" if disk and max(disk) < _LITTLE else ""
        return (
            f"From Python's side you wait ({_whose_core(main)} {span(client, '.0%')} busy). What you wait for is "
            f"PostgreSQL's CPU{instead}: it uses {span(server, '.0%')} of {server_cores(main)}"
        )
    busy = f"PostgreSQL uses {span(server, '.0%')} of {server_cores(main)}"
    return f"{busy}, Python {span(client, '.0%')} of {client_cores(main)}"


def _whose_core(main: Contest) -> str:
    return "its core is" if main.setup.client_limit == 1 else f"{client_cores(main)} is"


def _is_server_bound(main: Contest) -> bool:
    return set(group_by_label(main)) == {"server-bound"}


def _states(main: Contest) -> str:
    """What the connections did at any moment, as far as somebody looked."""
    shares = {name: _known(main, name) for name in ("active", "idle", "in_transaction", "commit_wait", "sync_wait")}
    if not shares["active"] or not shares["idle"]:
        return ""
    # Only a process that runs can say that it has begun with a statement.
    seen = any(find_limit(one) == SERVER for one in main.entrants.values())
    unseen = ", or waiting for a core, which PostgreSQL does not show" if seen else ""
    pool, stuck = int(main.setting["poolsize"]), max(shares["in_transaction"], default=0) >= _LEAST_SHARE
    if pool == 1:
        parts = [f"{span(shares['active'], '.0%')} inside a statement{_commit_share(shares)}"]
        parts += [f"{span(shares['in_transaction'], '.0%')} idle in a transaction"] if stuck else []
        return f"Of its time the connection is {join_and([*parts, span(shares['idle'], '.0%') + ' idle' + unseen])}. "
    parts = [f"about {_number(pool, shares['active'])} of {pool} connections are inside a statement"]
    parts[0] += _commits(main, shares)
    parts += [f"{_number(pool, shares['in_transaction'])} idle in a transaction"] if stuck else []
    return f"At any moment {join_and([*parts, _number(pool, shares['idle']) + ' idle' + unseen])}. "


def _known(main: Contest, name: str) -> list[float]:
    return [share for one in main.entrants.values() if (share := getattr(one, name)) is not None]


def _number(pool: int, shares: Sequence[float]) -> str:
    """How many connections that are, on average."""
    number = sum(shares) / len(shares) * pool
    return f"{number:.0f}" if number >= 1 else f"{number:.1f}"


def _commit_share(shares: Mapping[str, Sequence[float]]) -> str:
    return f" ({span(shares['commit_wait'], '.0%')} waiting to commit)" if shares["commit_wait"] else ""


def _commits(main: Contest, shares: Mapping[str, Sequence[float]]) -> str:
    """Who waits for commits, and how much of that is for the disk itself, not for who writes the log."""
    wait, disk, pool = shares["commit_wait"], shares["sync_wait"], int(main.setting["poolsize"])
    if not wait:
        return ""
    alike = _number(pool, wait) == _number(pool, shares["active"])
    waiting = f"{'nearly all' if alike else _number(pool, wait)} of these wait to commit"
    queue = max(wait) >= WAIT_SHARE and _is_server_bound(main) and disk and max(disk) * 2 < min(wait)
    if not queue:
        return f" ({waiting})"
    # A process that writes the log, and is woken up to do so, competes for that core with all others.
    behind = "behind a log writer that itself needs that core"
    return f" ({waiting}, {behind}; the disk itself is {span(disk, '.0%')} of the connections' time)"


def say_spared_cost(facts: Facts, main: Contest) -> str:
    """What a row costs PostgreSQL where it need not be on disk, for parentheses; nothing where that is not known."""
    spared = [contest for contest in facts.contests if not contest.durable and _differ(contest, main) == ["postgres"]]
    costs = [one.server_us for contest in spared for one in contest.entrants.values() if one.server_us]
    if not main.durable or not costs:
        return ""
    names = join_and([describe_postgres(contest) for contest in spared], "or")
    return f" ({span(costs, '.0f')} µs where no commit waits for the disk: {names})"


def _differ(contest: Contest, main: Contest) -> list[str]:
    return [axis for axis, value in contest.setting.items() if value != main.setting.get(axis)]


def _elsewhere(facts: Facts, main: Contest) -> str:
    """In which other settings whom another verdict is given to; named only where not all there have it.

    Fractions of a core are left to the sentence about them. Rows that were disturbed too often count for nothing.
    """
    usual = {name: one.label for name, one in main.entrants.items()}
    whole_cores = [one for one in facts.contests if not one.main and one.setup.client_limit >= 1]
    judged = [one for one in whole_cores if group_by_label(one, quiet=True)]
    others: dict[tuple[str, str], list[Contest]] = {}
    for contest in judged:
        for label, names in group_by_label(contest, quiet=True).items():
            counted = sum(len(those) for those in group_by_label(contest, quiet=True).values())
            if any(usual.get(name) != label for name in names):
                whose = "" if len(names) == counted else f" for {join_and(names)}"
                others.setdefault((whose, label), []).append(contest)
    if not judged:
        return ""
    if not others:
        return f"No other verdict comes out in {other_rows(len(judged))} with a whole core."
    told = [
        f"*{label}*{_turns(label, those)}{whose} with {_which(those, judged)}"
        for (whose, label), those in sorted(others.items())
    ]
    left = f"; and {len(told) - MOST_NAMED} more in the table" if len(told) > MOST_NAMED else ""
    return f"Other verdicts: {'; '.join(told[:MOST_NAMED])}{left}."


def _turns(label: str, some: Sequence[Contest]) -> str:
    """With one connection no waiting for others holds a row back; and which of its meanings ``mixed`` has."""
    if label == "mixed":
        full = {are_both_full(contest) for contest in some}
        return "" if len(full) > 1 else " (both sides full)" if full == {True} else " (no side full, no wait long)"
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
