"""Campaign on a cluster from order to end: check and prepare the machines, begin or resume, hand out the blocks."""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from experiments.campaign.cluster.agreement import check_machines, check_parts
from experiments.campaign.cluster.hand_out import HandOut, Machines
from experiments.campaign.loop import record_unsupported
from experiments.campaign.progress import Reporter
from experiments.campaign.run import utc_now
from experiments.campaign.start import Order, begin_or_resume, repair_campaigns, telling_runs_left
from experiments.environment.host import find_ownership_problem
from experiments.environment.image_lock import Asked
from experiments.errors import BadInput, Failure
from experiments.formatting import count
from experiments.matrix.plan import PlannedRun
from experiments.records.description import Description, from_json
from experiments.records.facts import MachineFacts
from experiments.records.folder import CampaignFolder, new_name

SSH = "ssh:"
_ADDRESSES = ("tcp://", "tls://")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def check_address(target: str) -> None:
    """Raise BadInput for what is no address of a cluster, and where its packages are missing."""
    if not target.startswith((SSH, *_ADDRESSES)):
        raise BadInput(f"--cluster: {target!r} is no cluster (expected tcp://HOST:PORT, tls://HOST:PORT or ssh:FILE)")
    if importlib.util.find_spec("distributed") is None:
        raise BadInput("--cluster needs the packages of experiments/requirements/cluster.txt; nox installs them")


def run_on_cluster(
    order: Order, target: str, engines: Sequence[str], source: Asked, reporter: Reporter
) -> tuple[CampaignFolder, bool]:
    """Run what is left of the campaign on a cluster; return its folder, and True. Needs a locked results folder."""
    # Only here: they take a third of a second to import.
    from experiments.campaign.cluster.plugin import MachinePlugin
    from experiments.campaign.cluster.scheduler import Cluster, connected
    from experiments.campaign.cluster.ssh import started

    repair_campaigns(order.results)
    for notice in (order.notice, find_ownership_problem(), find_exposure(target)):
        if notice is not None:
            reporter.tell(notice)
    order = replace(order, cluster=True)
    name = f"bigdata-matrix-{secrets.token_hex(4)}"
    # What a machine needs of the order; the rest is the harness's, and cannot be sent.
    sent = replace(order, check=None, add_files=None, until=None, notice=None)
    with started(target.removeprefix(SSH)) if target.startswith(SSH) else connected(target) as client:
        cluster = Cluster(client, name)
        machines = cluster.machines()
        check_machines(machines)
        reporter.tell(f"cluster: {count(len(machines), 'machine')}")
        with cluster.holding(MachinePlugin(name, sent, engines, source)):
            found = cluster.describe(list(machines), reporter.tell)
            descriptions = {address: from_json(text, address) for address, text in found.items()}
            check_parts(descriptions)
            described = _describe(order, {machines[address].name: one for address, one in descriptions.items()})
            folder, resumed = begin_or_resume(order, described, reporter.tell)
            folder.set_reported(False)
            with telling_runs_left(folder, reporter.tell):
                hand_out(folder, described, cluster, reporter, resumed=resumed)
    return folder, True


def _describe(order: Order, machines: dict[str, Description]) -> Description:
    """Return the description of a new campaign: that of the first machine, with all of them."""
    first = next(iter(machines.values()))
    now = utc_now()
    return replace(
        first,
        campaign=new_name(order.results, now, first.engine),
        created_at=now,
        machines={name: one.environment for name, one in machines.items()},
    )


def find_exposure(target: str) -> str | None:
    """Return the warning about a connection without authentication; None for one with, or to this machine."""
    host = target.removeprefix("tcp://").rpartition(":")[0]
    if not target.startswith("tcp://") or host in _LOOPBACK:
        return None
    return (
        f"warning: {target} has no authentication and no encryption: whoever reaches scheduler or workers runs code on "
        "them; use tls://, ssh:FILE or a network of your own"
    )


class Admission:
    """The machines of a campaign: whoever describes itself is added to its description, unless it differs."""

    def __init__(self, folder: CampaignFolder, present: Description) -> None:
        self._folder = folder
        self._present = present
        self.add(present.machines)

    def admit(self, name: str, text: str) -> None:
        """Add a machine that has come later. Raises Failure for one that has other parts."""
        other = from_json(text, f"machine {name}")
        try:
            check_parts({"the other machines": self._present, name: other})
        except BadInput as difference:
            raise Failure(str(difference)) from difference
        self.add({name: other.environment})

    def add(self, machines: Mapping[str, MachineFacts]) -> None:
        """Note the facts of machines that the campaign does not know yet."""
        described = self._folder.description()
        if machines.keys() - described.machines.keys():
            self._folder.rewrite(replace(described, machines={**described.machines, **machines}))


def hand_out(
    folder: CampaignFolder, present: Description, machines: Machines, reporter: Reporter, *, resumed: bool
) -> None:
    """Have the blocks measured that are left; ``present`` is the description of the machines that are there."""
    admission = Admission(folder, present)
    described = folder.description()
    unsupported = {shown.cell: shown.unsupported for shown in described.cells if shown.unsupported}
    record_unsupported(folder, unsupported, {shown.cell: shown.cell_key for shown in described.cells})
    planned = described.planned_runs
    left = planned - {record.run for record in folder.records() if not record.interrupted}
    cells = {shown.cell_key: shown.cell for shown in described.cells}
    runs = [PlannedRun(cells[key], "b" if arm == "b" else "a", block, 0) for key, arm, block in left]
    reporter.begin(runs, len(planned) - len(left))
    HandOut(folder, described, machines, reporter, admission.admit, resumed=resumed).run(
        sorted({run.block for run in runs})
    )
