"""Fabricated runs, evaluated once for all tests of this folder."""

import pytest
from fabricated import write_corpus, write_run


@pytest.fixture(scope="session", params=["severity", "classification"])
def evaluated(request, tmp_path_factory):
    """(task, source folder, run) after `evaluate` and `write_report`."""
    from tfderm.evaluation import evaluate
    from tfderm.evaluation.report import write_report

    folder = tmp_path_factory.mktemp(request.param)
    source = write_corpus(folder / "data", request.param)
    run = write_run(folder / "run", source, request.param)
    evaluate(run)
    write_report(run)
    return request.param, source, run
