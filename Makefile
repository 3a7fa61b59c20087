# Every target is one command on a fresh machine with Python 3.11, git, make and tmux.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := core plugins/tmux plugins/worktree plugins/claude_code plugins/command
READY := $(VENV)/.ready

.PHONY: demo test lint format wheels clean programs
.DEFAULT_GOAL := demo

demo: $(READY) programs  ## Watch terminated sessions come back.
	$(BIN)/rouser demo

test: $(READY) programs  ## Run all tests.
	$(BIN)/pytest -n auto $(ARGS)

lint: $(READY)  ## Check style, types and layers.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

wheels: $(READY)  ## Build every distribution into dist/.
	rm -rf dist
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist $(addprefix ./,$(DISTRIBUTIONS))

clean:
	rm -rf $(VENV) .cache dist

programs:
	@command -v git >/dev/null || { echo "error: git is not installed; install it with your system's package manager" >&2; exit 1; }
	@command -v tmux >/dev/null || { echo "error: tmux is not installed; install it with your system's package manager" >&2; exit 1; }

# The wheels of what the distributions depend on are kept, so that tests can fill clean environments offline.
$(READY): pyproject.toml core/pyproject.toml $(wildcard plugins/*/pyproject.toml)
	@test -n "$(PYTHON)" || { echo "error: no python3 found; install Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or later is needed; run make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --group dev $(addprefix --editable ./,$(DISTRIBUTIONS))
	$(BIN)/pip wheel --quiet --wheel-dir .cache/wheels $(addprefix ./,$(DISTRIBUTIONS))
	rm -f .cache/wheels/rouser*
	touch $@
