PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test test-all lint clean

demo: $(READY)  ## the main job on embedded synthetic data; ends with runs/demo/report.html
	$(BIN)/tfderm demo -o runs/demo

test: $(READY)  ## the tests that take seconds
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-all: $(READY)  ## also those marked slow
	$(BIN)/python -m pytest --all -n 2 --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

clean:
	rm -rf .venv build *.egg-info

$(READY): setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .[dev]
	touch $@
