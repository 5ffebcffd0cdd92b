"""Removal of what killed campaigns left in the Docker engine."""

from collections import Counter
from collections.abc import Callable, Iterable

from docker import DockerClient

from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.owner import Owner, has_died, host_id, parse_owner
from experiments.engines.docker.resources import OWNER, Thing, list_things, remove_campaign
from experiments.errors import Failure


def sweep(client: DockerClient) -> list[str]:
    """Remove what belongs to dead owners; return a line per campaign. Raises Failure if it cannot be listed."""
    with docker_errors("look for what killed campaigns have left"):
        found = list_things(client)
    lines = []
    for campaign, owner in abandoned(found, has_died).items():
        left = f"what a killed run (process {owner.pid}) left"
        try:
            removed = remove_campaign(client, campaign)
        except Failure as problem:
            # Somebody's container in a campaign's network, say: no reason not to run.
            lines.append(f"docker: {left} is still there: {problem}")
            continue
        if removed:
            lines.append(f"docker: removed {left}: {describe(removed)}")
    return lines


def check_unused(client: DockerClient) -> None:
    """Raise Failure, which names the processes, while a campaign has things in the engine whose owner has not died."""
    with docker_errors("look for what campaigns have"):
        owners = living(list_things(client), has_died)
    if not owners:
        return
    here, advice = host_id(), "wait until it has ended"
    names = [
        f"process {owner.pid}{'' if owner.host == here else ' of another machine or container'}" for owner in owners
    ]
    if any(owner.host != here for owner in owners):
        advice += f", or remove what carries the label {OWNER} where that process is known to be gone"
    raise Failure(f"a campaign or a test run is using the Docker engine ({', '.join(names)}): {advice}")


def living(things: Iterable[Thing], died: Callable[[Owner], bool]) -> list[Owner]:
    """Return the owners that may still live, each once."""
    owners = dict.fromkeys(parse_owner(thing.owner) for thing in things)
    return [owner for owner in owners if owner is not None and not died(owner)]


def abandoned(things: Iterable[Thing], died: Callable[[Owner], bool]) -> dict[str, Owner]:
    """Return the campaigns whose owner has died, with the owner; skip those that name none."""
    owners = {thing.campaign: parse_owner(thing.owner) for thing in things if thing.campaign}
    return {campaign: owner for campaign, owner in owners.items() if owner is not None and died(owner)}


def describe(things: Iterable[Thing]) -> str:
    """Count things by kind: '2 containers, 1 network, 3 volumes'."""
    counts = Counter(thing.kind for thing in things)
    return ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts.items())
