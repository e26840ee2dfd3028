"""Is a bundle whole, does it answer here as it did when exported, and is it still the model that was trained?"""

from pathlib import Path
from typing import Any

from tfderm.errors import InputError
from tfderm.export.explanation import explained
from tfderm.export.held_out import RunImages
from tfderm.export.parity import compare, keras_outputs, litert_outputs
from tfderm.export.uncertainty import SUBSPACE_FILE, with_answers, with_uncertainty
from tfderm.metrics import PrincipalSubspace
from tfderm.models.class_activation import CLASS_ACTIVATION_MAP
from tfderm.run import Run
from tfderm.runtime.bundle import Bundle, load_bundle
from tfderm.runtime.replay import replay_golden


def verify_bundle(
    bundle: Bundle | Path | str, *, run: Run | Path | str | None = None, data: str | Path | None = None
) -> dict[str, Any]:
    """Check integrity and golden vectors and, where the run is at hand, compare with Keras on held-out images.

    Args:
        bundle: the bundle or its folder.
        run: the run it was exported from; by default the run folder that the bundle lies in (RUN/bundles/SCHEME).
        data: source of held-out images in place of the run's own; images the run was trained on are left out.

    Returns:
        {"bundle", "scheme", "passed", "golden": checks, "parity": content of parity.json or None,
        "not_compared": why there is no parity, or None}.

    Raises:
        InputError: the bundle is damaged, `run` is no run or another model's, or its data is absent.
    """
    bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    golden = replay_golden(bundle)
    run = (run if isinstance(run, Run) else Run.open(run)) if run else enclosing_run(bundle)
    parity, reason = None, None
    if run is None:
        reason = f"{bundle.path} lies in no run; give --run to compare it with its Keras model."
        if data:
            raise InputError(f"--data needs the run that {bundle.path} was exported from: give --run.")
    else:
        parity = _compare(bundle, run, data)
    return {
        "bundle": str(bundle.path),
        "scheme": bundle.scheme,
        "passed": all(check["passed"] for check in golden) and (parity is None or parity["passed"]),
        "golden": golden,
        "parity": parity,
        "not_compared": reason,
    }


def enclosing_run(bundle: Bundle) -> Run | None:
    """The run whose folder is two levels above the bundle, None where there is none."""
    folder = bundle.path.resolve().parent.parent
    return Run(folder) if (folder / "recipe.json").is_file() and (folder / "model.keras").is_file() else None


def _compare(bundle: Bundle, run: Run, data: str | Path | None) -> dict[str, Any]:
    from tfderm.models import load

    contract = with_uncertainty(run.contract, dict(bundle.contract.uncertainty))
    model = load(run.model_path)
    if bundle.contract.outputs_of_kind(CLASS_ACTIVATION_MAP):
        model, contract = explained(model, contract)
    if contract != bundle.contract:
        raise InputError(f"{bundle.path} was not exported from {run.path}: their contracts differ; give its own --run.")
    held_out = RunImages.open(run, data).held_out()
    path = bundle.path / SUBSPACE_FILE
    model = with_answers(model, contract, PrincipalSubspace.load(path) if path.is_file() else None)
    reference = keras_outputs(model, held_out.batches())
    candidate = litert_outputs(bundle.model_path.read_bytes(), bundle.contract, held_out.batches())
    return compare(bundle.contract, bundle.scheme, reference, candidate, held_out)
