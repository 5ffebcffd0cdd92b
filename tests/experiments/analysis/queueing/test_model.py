from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from experiments.analysis.queueing.basis import fit_basis
from experiments.analysis.queueing.fit import Fit, predict_from
from experiments.analysis.queueing.measurements import read_points
from experiments.analysis.queueing.model import POOL, Model, model_campaign
from experiments.analysis.usable_cores import Setup
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.facts import NetworkUse, Placement, ServerFacts
from experiments.records.record import Host, Phase, Record, ServerUse
from tests.experiments.made_models import ASYNCIO, POOLS, THREADED, TRUTH, MakeRecord, made_campaign, made_record
from tests.experiments.made_observed import BOTH, SPLIT


def flat(fit: Fit) -> tuple[float, ...]:
    costs = (*astuple(fit.client), *astuple(fit.server), fit.delay_s)
    return tuple(float(each) for each in (*costs, fit.durable, fit.saturated, fit.contention, fit.contended))


def model_of(description: Description, records: list[Record]) -> Model:
    model = model_campaign(Campaign(description, records))
    assert model is not None
    return model


def test_what_made_the_campaign_is_found_again(description: Description, make_record: MakeRecord) -> None:
    model = model_of(*made_campaign(description, make_record))
    assert [flat(fit) for fit in model.fits.values()] == [
        pytest.approx(flat(TRUTH[THREADED])),
        pytest.approx(flat(TRUTH[ASYNCIO])),
    ]
    assert model.median_error == pytest.approx(0.0, abs=1e-9)


def test_cells_that_a_parameter_is_from_are_no_test(description: Description, make_record: MakeRecord) -> None:
    model = model_of(*made_campaign(description, make_record))
    used = {(str(cell.point.shown.cell.loader), cell.point.poolsize): cell.used for cell in model.cells}
    assert used == {
        **{(THREADED, 1): True, (THREADED, 5): False, (THREADED, 20): True, (THREADED, 50): True},
        **{(ASYNCIO, 1): True, (ASYNCIO, 5): False, (ASYNCIO, 20): True, (ASYNCIO, 50): False},
    }
    assert len(model.tested) == 3
    # Two cells each know nothing of the contention: 30% too much with a pool of 50.
    assert model.plain_error == pytest.approx(0.15, abs=0.01)


def test_a_campaign_without_a_cell_of_one_connection_has_no_model(
    description: Description, make_record: MakeRecord
) -> None:
    assert model_campaign(Campaign(*made_campaign(description, make_record, pools=(5, 20)))) is None
    assert model_campaign(Campaign(*made_campaign(description, make_record, pools=(1,)))) is None
    assert model_campaign(Campaign(description, [])) is None


def test_two_pools_are_enough_to_fit_and_leave_nothing_to_test(
    description: Description, make_record: MakeRecord
) -> None:
    model = model_of(*made_campaign(description, make_record, pools=(1, 20)))
    assert (model.tested, model.median_error, model.plain_error) == ([], None, None)


def test_the_saturated_cell_is_the_busiest_where_none_is_saturated(
    description: Description, make_record: MakeRecord
) -> None:
    model = model_of(*made_campaign(description, make_record, pools=(1, 2, 3)))
    assert {basis.saturated.poolsize for basis in model.bases.values()} == {3}


def test_a_loader_without_a_pool_of_one_has_bounds_and_no_prediction(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record)
    kept = [record for record in records if (record.cell.loader, record.cell.poolsize) != (ASYNCIO, 1)]
    model = model_of(described, kept)
    cell = next(cell for cell in model.cells if cell.point.shown.cell.loader == ASYNCIO)
    assert cell.prediction is None
    assert cell.error is None
    assert cell.measured_bounds["server"] == pytest.approx(1 / TRUTH[ASYNCIO].server_s(cell.point.poolsize))


def test_where_the_server_cost_more_it_is_named(description: Description, make_record: MakeRecord) -> None:
    model = model_of(*made_campaign(description, make_record, server_costs={(ASYNCIO, 50): 1.25}))
    off = next(cell for cell in model.tested if (cell.error or 0) > 0.1)
    assert off.error == pytest.approx(0.25, abs=0.01)
    assert off.broken == "the server's cost per row was 101 µs instead of 81"


def test_where_all_cost_what_was_expected_rows_waited_for_something_else(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record)
    slow = [
        replace(record, rows_per_s=(record.rows_per_s or 0.0) * 0.5) if record.cell.poolsize == 5 else record
        for record in records
    ]
    broken = {cell.broken for cell in model_of(described, slow).tested if cell.point.poolsize == 5}
    assert broken == {"not the costs: rows waited more than the delay and the queues of the model"}


@pytest.mark.parametrize(
    ("pool", "foreign_s", "broken"),
    [
        (5, 0.6, {"others took 30% of its cores"}),
        (5, 0.1, {"not the costs: rows waited more than the delay and the queues of the model"}),
        # Those that it is fitted on: the others come out too slow then, and this one is met.
        (1, 0.6, {""}),
    ],
)
def test_where_others_took_the_cores_it_is_said(
    description: Description, make_record: MakeRecord, pool: int, foreign_s: float, broken: set[str]
) -> None:
    described, records = made_campaign(description, make_record)
    host = Host(observed_s=1.0, cores=2, run_steal_s=0.0, run_foreign_cpu_s=foreign_s)
    slow = [
        replace(record, rows_per_s=(record.rows_per_s or 0.0) * 0.5, host=host)
        if record.cell.poolsize == pool
        else record
        for record in records
    ]
    assert {cell.broken for cell in model_of(described, slow).cells if cell.point.poolsize == pool} == broken


def test_a_cell_that_was_quicker_than_predicted_was_not_held_up_by_others(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record, server_costs={(ASYNCIO, 50): 0.75})
    host = Host(observed_s=1.0, cores=2, run_steal_s=0.0, run_foreign_cpu_s=0.6)
    model = model_of(described, [replace(one, host=host) if one.cell.poolsize == 50 else one for one in records])
    broken = [cell.broken for cell in model.tested if cell.point.poolsize == 50]
    assert broken == ["the server's cost per row was 61 µs instead of 81"]


def test_a_fit_on_cells_that_were_disturbed_says_so(description: Description, make_record: MakeRecord) -> None:
    described, records = made_campaign(description, make_record, pools=(1, 5, 20))
    host = Host(observed_s=1.0, cores=2, run_steal_s=0.2, run_foreign_cpu_s=0.2)
    slow = [
        replace(record, rows_per_s=(record.rows_per_s or 0.0) * 0.5, host=host) if record.cell.poolsize == 1 else record
        for record in records
    ]
    broken = {cell.broken for cell in model_of(described, slow).tested if (cell.error or 0.0) < 0}
    assert broken == {"others took part of the cores of the cells that it was fitted on"}


@pytest.mark.parametrize(
    ("pool", "client_factor", "server_factor", "broken"),
    [
        (50, 4.0, 1.0, "the client's cost per row was 103 µs instead of 26"),
        (50, 1.1, 1.5, "the server's cost per row was 121 µs instead of 81"),
        (5, 2.0, 1.2, "costs per row: the client's was 63 µs instead of 32, the server's 94 µs instead of 78"),
    ],
)
def test_what_explains_most_of_an_error_is_named(
    description: Description,
    make_record: MakeRecord,
    pool: int,
    client_factor: float,
    server_factor: float,
    broken: str,
) -> None:
    described, records = made_campaign(description, make_record)
    truth = TRUTH[ASYNCIO]
    client_s, server_s = truth.client_s(pool) * client_factor, truth.server_s(pool) * server_factor
    rate = predict_from(client_s, server_s, truth.delay_at(pool), pool, Setup()).rows_per_s
    server = ServerUse("17.11", {}, "disk", server_s * 20_000)
    odd = [
        replace(record, rows_per_s=rate, cpu_us_per_row=client_s * 1e6, server=server)
        if (record.cell.loader, record.cell.poolsize) == (ASYNCIO, pool)
        else record
        for record in records
    ]
    off = [cell.broken for cell in model_of(described, odd).tested if cell.broken]
    assert off == [broken]


def test_a_fit_of_one_block_is_of_its_runs_alone(description: Description, make_record: MakeRecord) -> None:
    model = model_of(*made_campaign(description, make_record, faster=(1.0, 1.25, 0.8)))
    basis = next(iter(model.bases.values()))
    assert fit_basis(basis, 2).server.least_s == pytest.approx(60e-6 / 1.25)
    assert fit_basis(basis, 2).delay_s == pytest.approx(80e-6 / 1.25)
    with pytest.raises(KeyError):
        fit_basis(basis, 4)


def test_a_fraction_of_a_core_is_predicted_from_the_whole_one(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record, loaders=(THREADED,))
    quarter = replace(SPLIT, loader_quota=0.25)
    shown = replace(described.cells[2], cell_key="sha256:pod")
    shown = replace(shown, cell=replace(shown.cell, resources="pod"))
    client_s = TRUTH[THREADED].client_s(20)
    made = made_record(make_record, TRUTH[THREADED], 20, 1.0)
    made = replace(made, cell_key="sha256:pod", cell=shown.cell, rows_per_s=0.25 / client_s)
    placements = {**described.placements, "pod": quarter}
    model = model_of(replace(described, cells=(*described.cells, shown), placements=placements), [*records, made])
    pod = next(cell for cell in model.tested if cell.point.shown.cell.resources == "pod")
    assert pod.error == pytest.approx(0.0, abs=1e-9)
    assert pod.prediction is not None
    assert pod.prediction.limit == "client"


def test_no_more_cost_is_believed_than_the_cores_could_give(description: Description, make_record: MakeRecord) -> None:
    described, records = made_campaign(description, make_record, pools=(20,))
    # The start of connections is outside of the phase, and inside of what the server is known to have used.
    much = [replace(record, server=ServerUse("17.11", {}, "disk", 1e3)) for record in records]
    point = read_points(Campaign(described, much))[0]
    assert point.median.server_s * point.median.rows_per_s == pytest.approx(1.0)
    assert point.utilisation == pytest.approx(1.0)


def test_of_shared_cores_the_server_is_believed_what_the_client_left(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record, pools=(20,), loaders=(THREADED,))
    shared = replace(described, placements={"split": BOTH})
    much = [replace(record, server=ServerUse("17.11", {}, "disk", 1e3)) for record in records]
    median = read_points(Campaign(shared, much))[0].median
    assert (median.server_s + median.client_s) * median.rows_per_s == pytest.approx(2.0)


def test_medians_of_several_runs_are_believed_no_more_either(description: Description, make_record: MakeRecord) -> None:
    described, records = made_campaign(description, make_record, pools=(20,), loaders=(THREADED,))
    much = [
        replace(records[0], block=block, rows_per_s=rate, server=ServerUse("17.11", {}, "disk", 1e3))
        for block, rate in ((1, 5_000.0), (2, 15_000.0))
    ]
    # The mean of 1/5,000 and 1/15,000 is more than 1/10,000.
    assert read_points(Campaign(described, much))[0].utilisation == pytest.approx(1.0)


def test_runs_of_the_second_arm_and_interrupted_ones_are_in_no_point(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record, pools=(20,), loaders=(THREADED,))
    others = [replace(records[0], arm="b", rows_per_s=1.0), replace(records[0], interrupted=True, rows_per_s=2.0)]
    points = read_points(Campaign(described, [*records, *others]))
    assert [point.median.rows_per_s for point in points] == [records[0].rows_per_s]


def test_rows_that_are_sent_together_are_not_bounded_by_the_number_of_connections(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record, loaders=(THREADED,))
    cells = tuple(
        replace(cell, cell=replace(cell.cell, loader="row_by_row_psycopg_threaded", inserts="executemany"))
        for cell in described.cells
    )
    quick = [replace(one, rows_per_s=13_000.0) if one.cell.poolsize == 5 else one for one in records]
    bounds = {POOL in cell.measured_bounds for cell in model_of(described, records).cells}
    model = model_of(replace(described, cells=cells), quick)
    assert (bounds, {POOL in cell.measured_bounds for cell in model.cells}) == ({True}, {False})


def test_runs_that_do_not_tell_the_servers_cost_make_no_point(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record)
    unknown = [replace(record, server=ServerUse("17.11", {}, "disk", None)) for record in records]
    unknown += [replace(record, phases=None) for record in records]
    unknown += [replace(record, status="wrong_work") for record in records]
    assert read_points(Campaign(described, unknown)) == []


def test_a_cell_that_a_relay_limits_makes_no_point(description: Description, make_record: MakeRecord) -> None:
    described, records = made_campaign(description, make_record, pools=(20,))
    phases = {"geo": Phase(100, 1, 1, 1), "data": Phase(20_000, 2, 0.1, 0.1, server_cpu_s=0.2)}

    def points(relay_cpu_s: float) -> int:
        network = NetworkUse("relay", 0.002, 0.0, 0.0021, relay_cpu_s)
        return len(read_points(Campaign(described, [replace(records[0], phases=phases, network=network)])))

    assert (points(0.2), points(1.9)) == (1, 0)


@pytest.mark.parametrize(
    ("settings", "storage", "transaction", "durable"),
    [
        ({}, "disk", "autocommit", True),
        ({"synchronous_commit": "OFF"}, "disk", "autocommit", False),
        ({"synchronous_commit": "off"}, "disk", "autocommit", False),
        ({"fsync": "off"}, "disk", "autocommit", False),
        ({}, "tmpfs", "autocommit", False),
        ({}, "disk", "per_record", False),
    ],
)
def test_a_row_waits_for_the_disk_where_nothing_was_set_against_it(
    description: Description,
    make_record: MakeRecord,
    settings: dict[str, str],
    storage: str,
    transaction: str,
    durable: bool,
) -> None:
    described, records = made_campaign(description, make_record)
    cells = [replace(cell, cell=replace(cell.cell, transaction=transaction)) for cell in described.cells]
    postgres = {"default": ServerFacts("17.11", settings, storage)}
    points = read_points(Campaign(replace(described, cells=tuple(cells), postgres=postgres), records))
    assert {point.durable for point in points} == {durable}


@pytest.mark.parametrize(
    ("loader", "gil", "cores"),
    [(THREADED, True, 1), (THREADED, False, 2), ("row_by_row_processes", True, 2), (ASYNCIO, False, 1)],
)
def test_only_processes_and_threads_without_a_gil_use_several_cores(
    description: Description, make_record: MakeRecord, loader: str, gil: bool, cores: int
) -> None:
    described, records = made_campaign(description, make_record, pools=(20,), loaders=(THREADED,))
    cells = [replace(cell, cell=replace(cell.cell, loader=loader)) for cell in described.cells]
    placements = {"split": Placement(frozenset({0, 1}), frozenset({1, 2, 3}))}
    client = records[0].client
    assert client is not None
    runs = [replace(record, client=replace(client, gil_enabled=gil)) for record in records]
    points = read_points(Campaign(replace(described, cells=tuple(cells), placements=placements), runs))
    assert points[0].setup == Setup(client_cores=cores, server_cores=3, shared_cores=4, run_cores=4)


def test_phases_count_what_the_server_used_inside_them_where_that_is_known(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record, pools=(20,))
    phases = {"geo": Phase(100, 1, 1, 1), "data": Phase(20_000, 2, 1, 1, server_cpu_s=0.2)}
    point = read_points(Campaign(described, [replace(records[0], phases=phases)]))[0]
    assert point.median.server_s == pytest.approx(0.2 / 20_000)


def test_ceilings_are_no_contestants(description: Description, make_record: MakeRecord) -> None:
    described, records = made_campaign(description, make_record, loaders=(THREADED,))
    ceiling = [replace(cell, cell=replace(cell.cell, loader="ceiling_pgbench")) for cell in described.cells]
    assert read_points(Campaign(replace(described, cells=tuple(ceiling)), records)) == []


def test_cells_without_the_sampler_count_where_a_campaign_has_no_others(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record)
    off = [
        replace(cell, cell=replace(cell.cell, sampling="off" if cell.cell.loader == THREADED else "on"))
        for cell in described.cells
    ]
    points = read_points(Campaign(replace(described, cells=tuple(off)), records))
    assert {point.shown.cell.loader for point in points} == {ASYNCIO}
    alone = [cell for cell in off if cell.cell.loader == THREADED]
    assert len(read_points(Campaign(replace(described, cells=tuple(alone)), records))) == 4


def with_pods(
    description: Description, make_record: MakeRecord, quotas: dict[str, float], pools: tuple[int, ...]
) -> tuple[Description, list[Record]]:
    """A campaign of threads on a core, and, with other pools, on parts of one."""
    described, records = made_campaign(description, make_record, loaders=(THREADED,))
    cells, made = list(described.cells), list(records)
    placements = dict(described.placements)
    for name, quota in quotas.items():
        placements[name] = replace(SPLIT, loader_quota=quota)
        for pool in pools:
            source = next(one for one in records if one.cell.poolsize == pool)
            key, axes = f"sha256:{name}-{pool}", replace(source.cell, resources=name)
            cells.append(ShownCell(key, "a", ("pools",), axes))
            rate = min(source.rows_per_s or 0.0, quota / TRUTH[THREADED].client_s(pool))
            made.append(replace(source, cell_key=key, cell=axes, rows_per_s=rate))
    return replace(described, cells=tuple(cells), placements=placements), made


def test_every_quota_is_predicted_from_what_was_fitted_without_one(
    description: Description, make_record: MakeRecord
) -> None:
    quotas = {"pod_0.1": 0.1, "pod_0.25": 0.25, "pod_0.5": 0.5, "pod_1": 1.0}
    model = model_of(*with_pods(description, make_record, quotas, (5, 20)))
    pods = [cell for cell in model.tested if cell.point.shown.cell.resources != "split"]
    assert len(pods) == 8
    assert [cell.error for cell in pods] == [pytest.approx(0.0, abs=1e-9)] * 8
    limits = {
        cell.point.shown.cell.resources: cell.prediction.limit
        for cell in pods
        if cell.prediction and cell.point.poolsize == 20
    }
    # A quarter of a core is enough for 14,800 rows/s, which is less than the server can do; a half is not.
    assert limits == {"pod_0.1": "client", "pod_0.25": "client", "pod_0.5": "server", "pod_1": "server"}


@pytest.mark.parametrize(
    "other",
    [replace(SPLIT, loader_quota=0.5), BOTH],
    ids=["quota", "shared"],
)
def test_of_equally_many_pools_those_on_whole_cores_of_each_sides_own_are_fitted_on(
    description: Description, make_record: MakeRecord, other: Placement
) -> None:
    described, records = with_pods(description, make_record, {"other": 0.5}, POOLS)
    placements = {**described.placements, "other": other}
    cells = sorted(described.cells, key=lambda cell: str(cell.cell.resources))
    assert cells[0].cell.resources == "other"
    model = model_of(replace(described, cells=tuple(cells), placements=placements), records)
    basis = next(iter(model.bases.values()))
    assert {point.shown.cell.resources for point in (basis.alone, basis.saturated)} == {"split"}


def test_the_contention_is_from_the_cores_that_the_rest_is_fitted_on(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = with_pods(description, make_record, {"pod_0.5": 0.5}, (50,))
    larger = [
        replace(cell, cell=replace(cell.cell, poolsize=90)) if cell.cell.resources == "pod_0.5" else cell
        for cell in described.cells
    ]
    basis = next(iter(model_of(replace(described, cells=tuple(larger)), records).bases.values()))
    assert basis.reference is not None
    assert (basis.reference.crowded.poolsize, basis.reference.crowded.shown.cell.resources) == (50, "split")


def test_the_contention_is_the_baselines_wherever_that_stands_in_the_plan(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(
        description, make_record, loaders=(ASYNCIO, THREADED), server_costs={(ASYNCIO, 50): 1.25}
    )
    model = model_of(described, records)
    assert [fit.contention for fit in model.fits.values()] == [pytest.approx(0.01)] * 2
    assert {basis.reference.crowded.shown.cell.loader for basis in model.bases.values() if basis.reference} == {
        THREADED
    }


def test_nothing_is_fitted_on_a_client_that_a_quota_stopped(description: Description, make_record: MakeRecord) -> None:
    described, records = with_pods(description, make_record, {"pod_0.1": 0.1, "pod_0.5": 0.5}, (1, 20))
    for name, has_model in (("pod_0.1", False), ("pod_0.5", True)):
        cells = tuple(cell for cell in described.cells if cell.cell.resources == name)
        assert (model_campaign(Campaign(replace(described, cells=cells), records)) is not None) is has_model


def test_the_contention_is_that_of_the_baseline_and_begins_where_it_did_there(
    description: Description, make_record: MakeRecord
) -> None:
    # Asyncio is saturated with a pool of 5 already; what the server's cost grows by with more than 20 stays the same.
    described, records = made_campaign(
        description, make_record, server_costs={(ASYNCIO, pool): 1.5 for pool in POOLS if pool > 1}
    )
    fits = list(model_of(described, records).fits.values())
    assert [fit.saturated for fit in fits] == [20, 5]
    assert [fit.contention for fit in fits] == [pytest.approx(0.01)] * 2
    assert [fit.contended for fit in fits] == [20, 20]
