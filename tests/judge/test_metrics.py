"""The closed list of metrics."""

from __future__ import annotations

from zbench.judge.metrics import METRICS
from zbench.judge.units import BASE_UNITS
from zbench.workloads import WORKLOADS


def test_every_metric_has_a_base_unit() -> None:
    """So that every claimed value can be parsed."""
    assert {metric.unit for metric in METRICS.values()} <= set(BASE_UNITS)


def test_what_workloads_report_is_on_the_list_and_means_the_same() -> None:
    """A workload's unit and direction are those of its metric."""
    for work in WORKLOADS.values():
        metric = METRICS[work.metric]
        assert (metric.unit, metric.better) == (work.unit, work.better), work.name
