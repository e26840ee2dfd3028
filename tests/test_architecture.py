"""The shape of the package: imports point downwards, TensorFlow stays where it belongs, the command is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tfderm
from tfderm.cli import VERBS

PACKAGE = Path(tfderm.__file__).parent

# A module may import from its own station and from those after it in this list; stations of one row are equals that
# may import only themselves, unless ALSO says otherwise.
STATIONS = [
    ("__main__",),
    ("cli",),
    ("recipes",),
    ("evaluation", "export"),
    ("training",),
    ("pipeline", "models"),
    ("datasets", "layers", "losses", "metrics", "runtime"),
    ("recipe", "run"),
    ("clinical", "contract"),
    ("errors", "files", "native_messages"),
]
ALSO = {
    ("datasets", "runtime"): "one decoder serves training and phone",
    ("run", "recipe"): "a run holds its recipe",
    ("files", "errors"): "a failed write is an InputError",
}
LEVEL = {station: level for level, row in enumerate(STATIONS) for station in row}
TENSORFLOW_ALLOWED = {"datasets", "pipeline", "export"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """Every module named by an import statement, wherever it stands in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from ([f"{node.module}.{a.name}" for a in node.names] if node.module == "tfderm" else [node.module])


def station_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    station = station_of(path)
    if station == "__init__":
        return
    assert station in LEVEL, f"{path} is in no station"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "tensorflow":
            assert station in TENSORFLOW_ALLOWED, f"{path} imports TensorFlow"
        if parts[0] in ("keras", "tensorflow"):
            assert station not in ("runtime", "clinical", "contract", "recipe", "run"), f"{path} imports {name}"
        if parts[0] != "tfderm" or len(parts) == 1 or parts[1].startswith("__"):
            continue
        target = parts[1]
        allowed = target == station or LEVEL[target] > LEVEL[station] or (station, target) in ALSO
        assert allowed, f"{path}: {station} must not import {target}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_readable(path):
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem not in ("utils", "common", "helpers")


def loaded_after(code):
    script = f"{code}\nimport sys; print(' '.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_tfderm_loads_nothing_heavy():
    loaded = loaded_after("import tfderm; tfderm.list_recipes(); tfderm.get_recipe('psenet')")
    assert not loaded & {"tensorflow", "keras", "numpy", "cv2", "sklearn", "matplotlib"}


def test_the_runtime_loads_no_tensorflow():
    modules = ", ".join(
        f"tfderm.runtime.{path.stem}" for path in (PACKAGE / "runtime").glob("*.py") if path.stem != "__init__"
    )
    loaded = loaded_after(f"import {modules}")
    assert not loaded & {"tensorflow", "keras", "jax", "sklearn", "matplotlib"}


@pytest.mark.parametrize("verb", VERBS)
def test_help_loads_nothing_heavy(verb):
    script = f"from tfderm.cli import main\ntry:\n    main([{verb!r}, '--help'])\nexcept SystemExit:\n    pass"
    assert not loaded_after(script) & {"tensorflow", "keras", "numpy", "PIL", "sklearn", "matplotlib"}


def test_public_names_exist():
    assert set(tfderm.__all__) == {
        "__version__", "list_recipes", "get_recipe", "list_models", "create_model", "train", "evaluate",
        "export_bundle", "load_bundle", "layers", "losses", "metrics", "pipeline", "clinical",
    }  # fmt: skip
    for name in tfderm.__all__:
        assert getattr(tfderm, name) is not None
    assert tfderm.layers.ScoreRefine and tfderm.layers.ROIAlign
    assert tfderm.losses.LocationFocalLoss and tfderm.losses.PairLoss
    assert tfderm.metrics.PairAccuracy and tfderm.metrics.MeanClassRecall
    assert tfderm.clinical.pasi.pasi and tfderm.clinical.pasi.area_score
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tfderm.nothing  # noqa: B018
