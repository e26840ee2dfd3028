"""`tfderm evaluate` from the command line."""

import json
import subprocess
import sys

import fabricated

from tfderm.cli import main
from tfderm.evaluation.wording import format_interval, task_metrics


def test_table_and_report(evaluated, capsys):
    task, _, run = evaluated
    (run.path / "report.html").unlink()
    assert main(["evaluate", str(run.path)]) == 0
    out = capsys.readouterr().out
    result = fabricated.metrics_of(run)
    assert "synthetic data" in out
    for name, metric in task_metrics(task, 3).items():
        assert format_interval(metric, result["model"][name]) in out
        assert format_interval(metric, result["baselines"]["colour_histogram"][name]) in out
    assert out.rstrip().endswith("report.html")
    assert (run.path / "report.html").is_file()


def test_json(evaluated, capsys):
    _, _, run = evaluated
    assert main(["evaluate", str(run.path), "--split", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == fabricated.metrics_of(run)


def test_not_a_run(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "is not a run" in error and error.count("\n") == 1


def test_importing_evaluation_is_light():
    code = (
        "import sys, tfderm.evaluation, tfderm.evaluation.report, tfderm.evaluation.cross_validate\n"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib', 'sklearn', 'jinja2') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
