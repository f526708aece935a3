# The two commands of the README. Each sets up its own virtual environment on a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -c constraints.txt
ADAPTERS := integrations/langchain-rag-embed integrations/llama-index-retrievers-rag-embed
export HF_HUB_OFFLINE = 1

.PHONY: demo test pytest torture lint docs wheels clean

demo: $(VENV)/.demo
	$(BIN)/rag-embed demo

# What is checked and what is tested, at the same time.
test: $(VENV)/.dev
	@$(MAKE) -j2 lint pytest

# Two workers with one thread each; a file's tests stay together, as they share what they built. Files are run as
# they are found, the small doctests last: by their number of tests, the longest of all, which are one test, would be.
# Modules are compiled when one imports them first, as most are never imported, and kept, though the
# environment may say otherwise: each process that a test starts would compile them anew.
pytest: export OMP_NUM_THREADS = 1
pytest: export PYTHONDONTWRITEBYTECODE =
pytest: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Users forgotten while others work, kills, failing disks, power cuts, load, almost right inputs; two hours.
torture: $(VENV)/.dev
	FORGETS=1000 $(BIN)/python -m pytest -s tests/test_forgetting_storm.py
	KILLS=500 $(BIN)/python -m pytest -s tests/test_kills.py
	FAULTS=2000 $(BIN)/python -m pytest -s tests/test_faults.py
	CUTS=1000 $(BIN)/python -m pytest -s tests/test_power.py
	LOAD=600 $(BIN)/python -m pytest -s tests/test_load.py
	FUZZ=1000000 $(BIN)/python -m pytest -s tests/test_fuzz.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

wheels: $(VENV)/.dev
	$(BIN)/python .ci/wheels.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Once: torch and the library into $(VENV)/; pip says how far it is. The demo follows by itself."
	$(PIP) torch
	$(PIP) -e '.[fast,offline]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(ADAPTERS:=/pyproject.toml) | $(VENV)/bin/python
	$(PIP) --quiet --no-compile torch -e '.[dev]' $(ADAPTERS:%=-e %)
	touch $(VENV)/.demo $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/.dev
	$(PIP) --quiet -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
