"""How many of a report's values, units and flags were read right, and which wrong ones nothing warns of."""

from dataclasses import dataclass, field
from pathlib import Path

from tfderm.clinical.labs import Report
from tfderm.clinical.labs.units import readings


@dataclass
class Score:
    number: int = 0
    right: int = 0
    ranges: int = 0
    marked_right: int = 0
    unmarked_wrong: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __iadd__(self, other: "Score") -> "Score":
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def check(self, share: float) -> None:
        """At least this share right, no wrong value unmarked, at most 5 % of the right ones marked."""
        assert not self.unmarked_wrong, self.unmarked_wrong
        assert self.right >= share * self.number, self.wrong
        assert self.marked_right <= 0.05 * self.right


def score(report: Report, expected) -> Score:
    """Compare with (analyte, value, unit as printed, flag, low, high) of every printed result; a result that is missing
    must be among the unread lines, which show it, or it counts as wrong and unmarked."""
    total = Score(number=len(expected))
    left = list(report.results)
    shown = " ".join(line.text for line in report.unread)
    for analyte, value, unit, flag, low, high in expected:
        found = next((result for result in left if result.analyte == analyte), None)
        if found is None:
            total.wrong.append(f"{analyte} {value}: not read")
            if f"{value:g}" not in shown.replace(",", "."):
                total.unmarked_wrong.append(f"{analyte} {value}: neither read nor listed")
            continue
        left.remove(found)
        right = found.value == value and found.unit in readings(unit) and found.flag == flag
        total.right += right
        total.marked_right += right and found.marked
        total.ranges += (found.reference_low, found.reference_high) == (low, high)
        if not right:
            wrong = f"{analyte} {value} {unit} {flag}: {found.value} {found.unit_printed} {found.flag} {found.doubts}"
            total.wrong.append(wrong)
            total.unmarked_wrong += [] if found.marked else [wrong]
    total.unmarked_wrong += [f"made up: {result}" for result in left if not result.marked]
    return total


def scan(pdf: Path, path: Path, seed: int, resolution: int = 200) -> Path:
    """A PDF of gray pictures of another PDF's pages, as a flatbed gives them: a little turned, blurred, noisy, JPEG."""
    import cv2
    import numpy as np
    import pypdfium2
    from PIL import Image

    rng = np.random.default_rng(seed)
    pages = []
    for page in pypdfium2.PdfDocument(pdf):
        pixels = np.asarray(page.render(scale=resolution / 72).to_pil().convert("L")).astype(np.float32)
        height, width = pixels.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-1.2, 1.2), 1)
        pixels = cv2.warpAffine(pixels, turn, (width, height), borderValue=250)
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.6) + rng.normal(0, 6, pixels.shape)
        pixels = np.clip(0.95 * pixels + 5, 0, 255).astype(np.uint8)
        _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 75])
        pages.append(Image.fromarray(cv2.imdecode(encoded, 0)))
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=resolution)
    return path
