"""predict the throughput of a loader for another pool size, other cores or a longer round trip"""

import math
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.analysis.queueing import prediction
from experiments.analysis.queueing.measurements import FREE_AXES
from experiments.analysis.queueing.model import Model, model_campaign
from experiments.cli.options import add_results
from experiments.cli.output import add_output, as_json, print_result
from experiments.errors import BadInput, suggest
from experiments.formatting import axis_name, in_units, unit_of
from experiments.matrix.cell import AXES
from experiments.matrix.values import seconds
from experiments.records.campaign import Campaign, find_campaign, list_known, load_campaign, load_readable

# The axes of a model besides the loader; an option left out means all values that were measured.
_CHOICES = tuple(axis for axis in AXES if axis not in ("loader", "sampling", *FREE_AXES))

# Larger values take minutes, and mean nothing.
_MOST_CONNECTIONS = 10_000
_MOST_CORES = 256


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    option = parser.add_argument
    option("--loader", metavar="NAME", required=True, help="whose costs to predict from")
    option("--poolsize", metavar="N", required=True, type=read_poolsize, help="how many connections")
    for axis in _CHOICES:
        option(f"--{axis}", metavar="NAME", help=f"only this {axis_name(axis)} (default: all that were measured)")
    option("--client-cores", metavar="X", type=read_cores, help="cores of the client, such as 0.25 (as measured)")
    option("--server-cores", metavar="X", type=read_cores, help="cores of the server (as measured)")
    option("--rtt", metavar="TIME", type=read_seconds, default=0.0, help="each round trip is longer by this: 0.5ms")
    option("--campaign", metavar="NAME", help="a campaign's name or folder (default: the newest that has this loader)")
    add_results(parser)
    add_output(parser)


def run(options: Namespace) -> int:
    """Print the prediction for each loader that the options select."""
    campaign, model = choose_model(options)
    question = prediction.Question(options.poolsize, options.client_cores, options.server_cores, options.rtt)
    texts, answers = [f"from campaign {campaign.name}"], []
    for contestant, values in choose_contestants(model, options):
        trips = prediction.find_round_trips(model, contestant, campaign.records)
        answer = prediction.answer_question(model, contestant, question, trips_per_row=trips)
        chosen = ", ".join(f"{axis_name(axis)} {value}" for axis, value in values.items() if value is not None)
        told = in_units(prediction.describe_answer(answer, model), unit_of([str(values["workload"])]))
        texts.append(f"pool size {question.poolsize}, {chosen}\n{told}")
        answers.append({"axes": values, **as_json(answer)})
    document = {"campaign": campaign.name, "question": question, "answers": answers}
    print_result(options, "\n\n".join(texts), lambda: document)
    return 0


def choose_model(options: Namespace) -> tuple[Campaign, Model]:
    """Return the named campaign, else the newest with a model of what is asked for, or of the loader at least.

    Raises BadInput if there is none.
    """
    if options.campaign is not None:
        campaign = load_campaign(find_campaign(options.results, options.campaign))
        named = model_campaign(campaign)
        if named is None:
            raise BadInput(
                f"{campaign.name}: no loader has cells with a pool size of 1 and another one, which the model "
                "needs; run for example: nox -s matrix -- --experiment pool_sizes"
            )
        return campaign, named
    loaders: list[str] = []
    with_loader: tuple[Campaign, Model] | None = None
    for campaign in load_readable(list_known(options.results)):
        model = model_campaign(campaign)
        if model is not None:
            contestants = [values for _, values in prediction.name_contestants(model)]
            if any(_has_all(values, options) for values in contestants):
                return campaign, model
            found = [str(values["loader"]) for values in contestants]
            if options.loader in found:
                with_loader = with_loader or (campaign, model)
            loaders += found
    if with_loader is not None:
        return with_loader
    known = suggest(options.loader, dict.fromkeys(loaders))
    raise BadInput(
        f"--loader: {options.results}: no campaign has cells of {options.loader!r} with a pool size of 1 and another "
        f"one {known}"
    )


def _has_all(values: Mapping[str, Any], options: Namespace) -> bool:
    """Return whether these values of axes are all that were asked for."""
    asked = {axis: getattr(options, axis) for axis in ("loader", *_CHOICES)}
    return all(value is None or str(values.get(axis)) == value for axis, value in asked.items())


def choose_contestants(model: Model, options: Namespace) -> Sequence[tuple[tuple[Any, ...], Mapping[str, Any]]]:
    """Return the loaders with all values that were asked for. Raises BadInput for a value that none has."""
    left = list(prediction.name_contestants(model))
    for axis in ("loader", *_CHOICES):
        asked = getattr(options, axis)
        if asked is None:
            continue
        known = dict.fromkeys(str(values.get(axis)) for _, values in left)
        left = [one for one in left if str(one[1].get(axis)) == asked]
        if not left:
            raise BadInput(f"--{axis}: the model has no {axis_name(axis)} {asked!r} {suggest(asked, known)}")
    return left


def read_poolsize(text: str) -> int:
    """Parse a number of connections."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= _MOST_CONNECTIONS:
        raise ArgumentTypeError(f"found {text!r}, expected a number of connections from 1 to {_MOST_CONNECTIONS}")
    return int(text)


def read_cores(text: str) -> float:
    """Parse a number of cores."""
    try:
        cores = float(text)
    except ValueError:
        cores = math.nan
    if not 0 < cores <= _MOST_CORES:
        raise ArgumentTypeError(
            f"found {text!r}, expected a number of cores above 0, up to {_MOST_CORES}, such as 0.25 or 16"
        )
    return cores


def read_seconds(text: str) -> float:
    """Parse a duration with its unit; return seconds."""
    found_s = seconds(text)
    if found_s is None:
        raise ArgumentTypeError(f"found {text!r}, expected a time with its unit (s, ms, us), such as 0.5ms")
    return found_s
