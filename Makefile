# The two commands of the README. Each sets up its own virtual environment on a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ADAPTERS := integrations/langchain-rag-embed integrations/llama-index-retrievers-rag-embed
export HF_HUB_OFFLINE = 1

.PHONY: demo test torture lint docs wheels clean

demo: $(VENV)/.demo
	$(BIN)/rag-embed demo

# Two workers with one thread each; a file's tests stay together, as they share what they built.
test: export OMP_NUM_THREADS = 1
test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Users forgotten while others work, kills, failing disks, load, almost right inputs; two hours.
torture: $(VENV)/.dev
	FORGETS=1000 $(BIN)/python -m pytest -s tests/test_forgetting_storm.py
	KILLS=500 $(BIN)/python -m pytest -s tests/test_kills.py
	FAULTS=2000 $(BIN)/python -m pytest -s tests/test_faults.py
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
	$(BIN)/python -m pip install -c constraints.txt torch
	$(BIN)/python -m pip install -c constraints.txt -e '.[fast,offline]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(ADAPTERS:=/pyproject.toml) | $(VENV)/.demo
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]' $(ADAPTERS:%=-e %)
	touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/.dev
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
