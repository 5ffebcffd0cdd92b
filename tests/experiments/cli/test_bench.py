from __future__ import annotations

from experiments.analysis.stats import Estimate
from experiments.cli.bench import find_costly
from experiments.validation.overhead.compare import Comparison, Skipped

ANY = Estimate(20.0)


def test_costly_is_a_loader_whose_whole_interval_lies_above_the_limit() -> None:
    surely = Comparison("surely", ANY, ANY, Estimate(1.08, 1.051, 1.11))
    perhaps = Comparison("perhaps", ANY, ANY, Estimate(1.08, 1.049, 1.11))
    too_few_pairs = Comparison("too few pairs", ANY, ANY, Estimate(1.3))
    assert find_costly([surely, perhaps, too_few_pairs, Skipped("no wheel", "none")]) == [surely]
