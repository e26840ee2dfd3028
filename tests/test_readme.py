"""The README's commands exist, parse, and run in the order they are printed."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from tfderm.cli import main, parse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    [shlex.split(line, comments=True) for line in block.splitlines()]
    for block in re.findall(r"(?:^    \S.*\n)+", README, flags=re.MULTILINE)
]
COMMANDS = [words[1:] for block in BLOCKS for words in block if words[0] == "tfderm"]
INLINE = re.findall(r"`tfderm ([a-z][^`]*)`", README)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_parse(words):
    assert callable(parse(words).run)


@pytest.mark.parametrize("command", INLINE)
def test_verbs_in_the_text_exist(command):
    verb = command.split()[0]
    assert verb == "VERB" or callable(parse([verb, *_required(verb)]).run)


def _required(verb):
    return {"data": ["check", "SRC"], "train": ["R"], "cross-validate": ["R"], "labs": ["parse", "F"]}.get(verb, [])


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = {words[1] for block in BLOCKS for words in block if words[0] == "make"}
    assert targets == {"demo", "test"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


@pytest.mark.slow
def test_own_photographs_from_check_to_answer(tmp_path, monkeypatch, capsys):
    """The block "With your own photographs", on synthetic ones, with a small network and an untuned scheme."""
    monkeypatch.chdir(tmp_path)
    assert main("data synthesize psoriasis -o photographs --patients 10 --image-size 64 80".split()) == 0
    Image.open(next(Path("photographs/images").iterdir())).convert("RGB").save("photograph.jpg")
    small = ["--set", "epochs=1", "image_size=(64,80)", "batch_size=8", "model_options.width=0.125"]
    block = next(block for block in BLOCKS if ["tfderm", "predict"] == block[-1][:2])
    for words in block:
        if words[0] != "tfderm":
            continue
        arguments = [word.replace("static_wi8_ai8", "float32") for word in words[1:]]
        assert main(arguments + (small if arguments[0] == "train" else [])) == 0, words
    assert "photograph.jpg" in capsys.readouterr().out
