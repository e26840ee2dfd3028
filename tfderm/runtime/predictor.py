"""From an image to the model's named outputs, on LiteRT."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tfderm.clinical.taxonomy import URGENCIES
from tfderm.contract import ModelContract
from tfderm.errors import InputError
from tfderm.runtime.bundle import Bundle, load_bundle
from tfderm.runtime.patient_data import encode
from tfderm.runtime.preprocess import fit

SIGNATURE = "serving_default"


class LiteRTModel:
    """A `.tflite` bound to its contract by the names of its signature, never by the order of its tensors.

    Args:
        content: of the `.tflite` file.
        contract: its contract.
        num_threads: of LiteRT.

    Raises:
        InputError: the file is no `.tflite`, or its signature differs from the contract.
    """

    def __init__(self, content: bytes, contract: ModelContract, num_threads: int = 1):
        self.contract = contract
        try:
            self.interpreter = Interpreter(model_content=content, num_threads=num_threads)
        except ValueError as error:
            raise InputError(f"model.tflite cannot be loaded: {str(error).splitlines()[0]}; export it again.") from None
        names = self.interpreter.get_signature_list().get(SIGNATURE, {"inputs": [], "outputs": []})
        expected = (sorted(contract.inputs), sorted(output.name for output in contract.outputs))
        received = (sorted(names["inputs"]), sorted(names["outputs"]))
        if received != expected:
            raise InputError(f"model.tflite has the signature {received}, its contract says {expected}; export again.")
        self._run = self.interpreter.get_signature_runner(SIGNATURE)
        self._details = self._run.get_output_details()

    def __call__(self, image: np.ndarray, **metadata: np.ndarray) -> dict[str, np.ndarray]:
        """Run one image.

        Args:
            image: (H, W, 3) uint8 RGB, exactly at the contract's size.
            **metadata: the other inputs of the contract, as `tfderm.runtime.patient_data.encode` gives them.

        Returns:
            Output name -> float32 without the batch axis, dequantised where the file has integers, not clipped.
        """
        inputs = {self.contract.image.name: image, **metadata}
        if inputs.keys() != self.contract.inputs.keys():
            raise InputError(
                f"the model has the inputs {', '.join(self.contract.inputs)}; received {', '.join(inputs)}."
            )
        for name, (shape, dtype) in self.contract.inputs.items():
            received = inputs[name]
            if received.shape != shape or received.dtype != dtype:
                remedy = "resize it" if name == self.contract.image.name else "encode it by the contract"
                raise InputError(
                    f"{name}: expected {dtype} {shape}, received {received.dtype} {received.shape}; {remedy}."
                )
        outputs = self._run(**{name: np.ascontiguousarray(values)[None] for name, values in inputs.items()})
        return {output.name: self._dequantise(output.name, outputs[output.name][0]) for output in self.contract.outputs}

    def _dequantise(self, name: str, values: np.ndarray) -> np.ndarray:
        scale, zero_point = self._details[name]["quantization"]
        if np.issubdtype(values.dtype, np.integer) and scale:
            return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)
        return values.astype(np.float32)


class Predictor:
    """Answers of a bundle for images of any size.

    Args:
        bundle: a bundle or its folder.
        num_threads: of LiteRT.

    Raises:
        InputError: as `load_bundle`.

    Example:
        >>> answer = Predictor("runs/demo/bundles/float32").answer(preprocess.decode("arm.jpg"))  # doctest: +SKIP
    """

    def __init__(self, bundle: Bundle | Path | str, num_threads: int = 1):
        self.bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
        self.contract = self.bundle.contract
        self.model = LiteRTModel(self.bundle.model_path.read_bytes(), self.contract, num_threads)

    def predict(self, image: np.ndarray, known: Mapping[str, str | float] | None = None) -> dict[str, np.ndarray]:
        """Resize by the contract and run: output name -> float32 without the batch axis, not clipped.

        Args:
            image: (height, width, 3) uint8 RGB of any size, upright.
            known: of the patient, by the names of the contract's metadata columns; what is absent is unknown.

        Raises:
            InputError: a column of numbers has something else.
        """
        return self.model(fit(image, self.contract.image), **encode(known or {}, self.contract.metadata))

    def answer(self, image: np.ndarray, known: Mapping[str, str | float] | None = None) -> dict[str, Any]:
        """What a person is shown: values clipped to the contract's ranges, JSON-ready, without location maps.

        Args:
            image: as `predict`.
            known: likewise.

        Returns:
            Severity: {"severity", "unit", "band"}, and where the model has one {"interval": [low, high],
            "interval_level"} and {"components": name -> grade, "composed_severity": (E + I + D) * A of these}.
            Classification: {"label", "name", "probability", "probabilities"}, where it is ranked {"urgency", "advice"}
            of the most urgent label that is possible, and where the model has one {"set": possible labels,
            "set_level"}, {"unsuitable": reasons in words, none for a suitable photograph} and {"sure": whether the
            probability suffices and the photograph is suitable}.
            Several labels: {"labels": those that it shows, "names": label -> words, "probabilities"}, the "urgency" and
            "advice" of the most urgent of them, and where the model has it "unsuitable".
        """
        return interpret(self.contract, self.predict(image, known))


def interpret(contract: ModelContract, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The answer that raw outputs mean under a contract; see `Predictor.answer`."""
    if contract.task == "severity":
        from tfderm.clinical.pasi import composed_severity, severity_band

        output = contract.output("severity")
        score = float(np.clip(outputs[output.name].item(), *output.range))
        answer = {"severity": score, "unit": output.unit, "band": severity_band(score)}
        for output in contract.outputs_of_kind("interval"):
            bounds = np.clip(outputs[output.name], *output.range)
            level = contract.uncertainty["interval"]["level"]
            answer |= {"interval": [float(bound) for bound in bounds], "interval_level": level}
        grades = {
            component.name: float(np.clip(outputs[component.name].item(), *component.range))
            for component in contract.outputs_of_kind("component")
        }
        if grades:
            answer |= {"components": grades, "composed_severity": composed_severity(grades)}
        return answer
    output = contract.output("probabilities")
    values = np.clip(outputs[output.name], *output.range)
    probabilities = {label: float(value) for label, value in zip(contract.labels, values, strict=True)}
    if contract.task == "multilabel":
        shown = _labels_shown(contract, outputs, probabilities)
        names = {label: contract.label_names.get(label, label) for label in shown}
        answer = {"labels": shown, "names": names, "probabilities": probabilities}
    else:
        label = contract.labels[int(np.argmax(values))]
        shown = [label]
        answer = {
            "label": label,
            "name": contract.label_names.get(label, label),
            "probability": float(values.max()),
            "probabilities": probabilities,
        }
    for output in contract.outputs_of_kind("set"):
        members = zip(contract.labels, outputs[output.name], strict=True)
        answer["set"] = [key for key, member in members if member > 0.5]
        answer["set_level"] = contract.uncertainty["sets"]["level"]
    for output in contract.outputs_of_kind("unsuitable"):
        checks = zip(contract.uncertainty["suitability"]["checks"], outputs[output.name], strict=True)
        answer["unsuitable"] = [check["words"] for check, flag in checks if flag > 0.5]
    for output in contract.outputs_of_kind("answered"):
        answer["sure"] = bool(outputs[output.name].item() > 0.5) and not answer.get("unsuitable")
    return answer | _urgency(contract, answer, shown)


def _urgency(contract: ModelContract, answer: Mapping[str, Any], shown: list[str]) -> dict[str, str]:
    """The most urgent of what is said or possible; no word that nothing is to be seen for beside a doubt."""
    possible = {*shown, *answer.get("set", ())}
    ranked = [contract.urgency[label] for label in possible if label in contract.urgency]
    level = max(ranked, key=list(URGENCIES).index, default="none")
    doubtful = answer.get("unsuitable") or not answer.get("sure", True)
    if not ranked or (level == "none" and doubtful):
        return {}
    return {"urgency": level, "advice": URGENCIES[level]}


def _labels_shown(
    contract: ModelContract, outputs: Mapping[str, np.ndarray], probabilities: Mapping[str, float]
) -> list[str]:
    """Labels from the model's own decision; more likely than not where it was exported without thresholds."""
    for output in contract.outputs_of_kind("present"):
        return [label for label, present in zip(contract.labels, outputs[output.name], strict=True) if present > 0.5]
    return [label for label, probability in probabilities.items() if probability >= 0.5]
