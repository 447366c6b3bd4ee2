"""The pytest door: `pytest suites --benchmark` runs the same session as `zbench run`.

The first item that needs a measurement runs the session for all collected cases; each item then
replays its launch medians into pytest-benchmark, one round per launch, so that what that prints and
stores is not falsely precise. This module is imported by every pytest run of an environment that has
zbench, so it imports nothing heavy itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zbench.case import Case
    from zbench.judge.summary import Summary
    from zbench.request import Request

NANOSECONDS = 1e9


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("zbench")
    group.addoption("--benchmark", action="store_true", help="measure: the cases only, with zbench's table")
    group.addoption(
        "--zbench-profile",
        default=None,
        metavar="NAME",
        help="smoke, quick, full, limits (default: quick with --benchmark, else smoke, which only verifies)",
    )
    group.addoption("--zbench-card", action="append", default=[], metavar="SPEC", help="as zbench run --card")
    group.addoption(
        "--zbench-fabric", action="append", default=[], metavar="SPEC", help="as zbench run --fabric"
    )
    group.addoption("--zbench-ranks", type=int, default=None, metavar="N", help="as zbench run --ranks")
    group.addoption("--zbench-out", default=None, metavar="DIR", help="as zbench run --out")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "workloads(*names): the workloads whose cases a suite's test asks")
    if config.option.benchmark:
        if not config.pluginmanager.hasplugin("benchmark"):
            raise pytest.UsageError("--benchmark needs pytest-benchmark: pip install 'zbench[pytest]'")
        config.option.benchmark_quiet = True  # our table has units, intervals and shares of peak
    # What pytest-benchmark says of a case that has no time is said better by the case.
    config.addinivalue_line("filterwarnings", "ignore:Benchmark fixture was not used")
    config.addinivalue_line("filterwarnings", "ignore:Not saving anything")
    option = config.option
    if option.benchmark or option.zbench_profile or option.zbench_card or option.zbench_fabric:
        _request(config)  # a wrong word is one line here, and one error a test later


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("workloads")
    if marker is None or "measured" not in metafunc.fixturenames:
        return
    questions = [
        (group.subject, case)
        for group in _groups(metafunc.config)
        for case in group.cases
        if case.workload in marker.args and case.is_result
    ]
    ids = [f"{subject}-{case.key}" for subject, case in questions]
    metafunc.parametrize("measured", questions, ids=ids, indirect=True)


STATE = pytest.StashKey[dict[str, Any]]()


def _state(config: pytest.Config) -> dict[str, Any]:
    return config.stash.setdefault(STATE, {})


def _request(config: pytest.Config) -> Request:
    """What `zbench run` would be asked with the same options. Raises pytest.UsageError."""
    from zbench.errors import UsageError
    from zbench.request import ask

    state, option = _state(config), config.option
    if "request" not in state:
        try:
            state["request"] = ask(
                profile=option.zbench_profile or ("quick" if option.benchmark else "smoke"),
                cards=option.zbench_card,
                fabrics=option.zbench_fabric,
                ranks=option.zbench_ranks,
                launches=None if option.benchmark else 1,
                out=option.zbench_out,
                command=["pytest", *config.invocation_params.args],
            )
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
    request: Request = state["request"]
    return request


def _groups(config: pytest.Config) -> list[Any]:
    from zbench.errors import UsageError
    from zbench.selection import offering, operations, select, used

    state = _state(config)
    if "groups" not in state:
        try:
            request = _request(config)
            state["groups"], _ = offering(select(request), operations(used(request)))
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
    groups: list[Any] = state["groups"]
    return groups


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --benchmark only what is measured runs; the rest is deselected, not skipped."""
    if config.option.benchmark:
        others = [item for item in items if "benchmark" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Remember which keys survived selection: only they are measured."""
    questions = [item.callspec.params["measured"] for item in session.items if _asks(item)]  # type: ignore[attr-defined]
    _state(session.config)["keys"] = sorted({case.key for _, case in questions})


def _asks(item: pytest.Item) -> bool:
    """A suite without a case for this card has an item without a question, which pytest skips aloud."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    return isinstance(params.get("measured"), tuple)


def _summaries(config: pytest.Config) -> dict[tuple[str, str], Summary]:
    """Run the session once, for all collected cases. Fails where the measurement broke off."""
    from dataclasses import replace

    from zbench.errors import ZbenchError
    from zbench.report.progress import Progress
    from zbench.run import run

    state = _state(config)
    if "result" not in state and "broken" not in state:
        request = replace(_request(config), cases=tuple(state["keys"]))
        capture = config.pluginmanager.getplugin("capturemanager")
        try:
            with capture.global_and_fixture_disabled(), Progress() as progress:
                state["result"] = run(request, progress.update, lambda why: None)
        except ZbenchError as error:
            state["broken"] = str(error)
    if "broken" in state:
        pytest.fail(state["broken"], pytrace=False)
    return {(s.subject, s.key): s for s in state["result"].findings.summaries}


def _stopwatch() -> Any:
    """A timer that reads 0, then exactly the sample that was put into it."""
    pending = 0.0

    def device_clock() -> float:
        nonlocal pending
        reading, pending = pending, 0.0
        return reading

    def put(seconds: float) -> None:
        nonlocal pending
        pending = seconds

    device_clock.put = put  # type: ignore[attr-defined]
    device_clock.__name__ = "zbench.device_clock"  # as it stands in pytest-benchmark's JSON
    return device_clock


@pytest.fixture
def measured(request: pytest.FixtureRequest, benchmark: Any) -> Summary:
    """The summary of this item's case, replayed into pytest-benchmark; wrong answers fail without a time."""
    subject, case = request.param
    summary = _summaries(request.config).get((subject, case.key))
    if summary is None:
        benchmark.has_error = True
        pytest.fail(f"{subject} {case.key}: no record", pytrace=False)
    if summary.status == "skipped":
        pytest.skip(summary.why)
    if summary.trusted:
        _replay(benchmark, summary, case)
    else:
        benchmark.has_error = True  # no time, no rate; the test itself fails on it
    return summary


def _replay(benchmark: Any, summary: Summary, case: Case) -> None:
    """One pytest-benchmark round per launch, of exactly the launch's median."""
    from zbench.workloads import workload

    clock = _stopwatch()
    benchmark._timer = clock
    benchmark.group = f"{case.workload}/{case.dtype}"
    work = workload(case.workload)
    benchmark.extra_info.update(
        key=case.key,
        subject=summary.subject,
        variant=dict(summary.variant),
        unit=summary.unit,
        work={"flops": work.flops(case), "bytes": work.bytes(case), "operations": work.operations(case)},
    )
    medians = iter([*summary.launch_medians_ns, summary.launch_medians_ns[-1]])
    benchmark.pedantic(lambda: clock.put(next(medians) / NANOSECONDS), rounds=len(summary.launch_medians_ns))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Our columns: median, interval, rate, share of measured peak, verified."""
    result = _state(config).get("result")
    if result is None or not config.option.benchmark:
        return
    from zbench.report.terminal import render_screen

    terminalreporter.section("zbench")
    width = terminalreporter._tw.fullwidth
    unicode = terminalreporter._tw._file.encoding.lower().startswith("utf")
    screen = render_screen(
        result.findings, width=width, unicode=unicode, page=str(result.page), every_result=True
    )
    terminalreporter.write(screen)
