# Every target is one command on a fresh machine with Python 3.11, git and make; the tests also need tmux.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := core plugins/tmux plugins/worktree plugins/claude_code plugins/command plugins/process plugins/clone plugins/codex plugins/gemini plugins/opencode plugins/slurm
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
BENCH_READY := .cache/bench/.ready
SITE := build/docs

# The real clients that `make test-agents` runs; newer ones may draw other screens and keep other records.
CLAUDE_VERSION := 2.1.330
CLIENT := .cache/agents/claude-code-$(CLAUDE_VERSION)/claude
CODEX_VERSION := 0.171.0
CODEX := .cache/agents/codex-$(CODEX_VERSION)/codex
GEMINI_VERSION := 0.61.0
GEMINI := .cache/agents/gemini-$(GEMINI_VERSION)/gemini
OPENCODE_VERSION := 1.18.33
OPENCODE := .cache/agents/opencode-$(OPENCODE_VERSION)/opencode
INSTALL := npm install --silent --no-audit --no-fund --no-save --ignore-scripts
ROUNDS ?= 100
SLURM_ROUNDS ?= 2

PARTS ?=
QUICK ?=
AGAIN ?=

.PHONY: demo test test-agents test-slurm bench-slurm drill torture bench bench-compare lint docs format wheels clean git npm tmux slurm strace
.DEFAULT_GOAL := demo

demo: $(READY) git  ## Watch terminated sessions come back.
	$(BIN)/rouser demo

test: $(READY) git tmux  ## Run all tests.
	$(BIN)/pytest -n auto --dist worksteal $(ARGS)

test-agents: $(READY) git tmux $(CLIENT) $(CODEX) $(GEMINI) $(OPENCODE)  ## Run the tests with real clients, against stand-ins for their APIs.
	ROUSER_TEST_CLAUDE=$(abspath $(CLIENT)) ROUSER_TEST_CODEX=$(abspath $(CODEX)) ROUSER_TEST_GEMINI=$(abspath $(GEMINI)) \
	ROUSER_TEST_OPENCODE=$(abspath $(OPENCODE)) \
	    $(BIN)/python tests/agents/isolate.py $(BIN)/pytest -n 2 tests/agents $(ARGS)

drill: $(READY) git tmux $(CLIENT)  ## Crash and restore sessions of the real Claude Code, ROUNDS=100 times.
	ROUSER_TEST_CLAUDE=$(abspath $(CLIENT)) $(BIN)/python tests/agents/isolate.py $(BIN)/python tests/agents/drill.py --rounds $(ROUNDS) $(ARGS)

test-slurm: $(READY) git tmux slurm  ## Run the tests of the Slurm runtime, and SLURM_ROUNDS of its drill, on private clusters.
	cd tests && ../$(BIN)/python -m slurm.canary
	ROUSER_TEST_SLURM=1 $(BIN)/pytest -n 3 tests/slurm $(ARGS)
	cd tests && ../$(BIN)/python -m slurm.drill --rounds $(SLURM_ROUNDS)

bench-slurm: $(READY) git tmux slurm  ## Time a hundred sessions on a private cluster against plain Slurm.
	cd tests && ../$(BIN)/python -m slurm.bench

torture: $(READY) git tmux strace  ## Break everything, everywhere, and count; PARTS="a b" chooses, QUICK=1 tries a few of each, AGAIN=1 tries what broke twice.
	cd tests && ../$(BIN)/python -m torture $(if $(QUICK),--quick) $(if $(AGAIN),--again) $(PARTS)

bench: $(READY) git tmux $(BENCH_READY) wheels  ## Measure against floors and peers; ARGS="--quick startup one" chooses.
	$(PYTHON) -m venv --clear .cache/installed
	.cache/installed/bin/python -m pip install --quiet --upgrade pip
	.cache/installed/bin/pip install --quiet --no-index --find-links dist --find-links .cache/wheels 'rouser[standard]'
	$(BIN)/python -m bench $(ARGS)

bench-compare: $(READY)  ## Compare two results; ARGS="OLD NEW", or the two newest in build/bench.
	$(BIN)/python -m bench.compare $(ARGS)

lint: $(READY)  ## Check style, types and layers.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(DOCS_READY)  ## Build the documentation into build/docs; a warning is an error.
	rm -rf $(SITE)
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet --conf-dir docs --doctree-dir .cache/doctrees . $(SITE)
	@echo "the first page is $(SITE)/index.html"

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

wheels: $(READY)  ## Build every distribution into dist/.
	rm -rf dist
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist $(addprefix ./,$(DISTRIBUTIONS))

clean:
	rm -rf $(VENV) .cache build dist

git:
	@command -v git >/dev/null || { echo "error: git is not installed; install it with your system's package manager" >&2; exit 1; }

npm:
	@command -v npm >/dev/null || { echo "error: npm is not installed; install it with your system's package manager" >&2; exit 1; }

tmux:
	@command -v tmux >/dev/null || { echo "error: tmux is not installed; install it with your system's package manager" >&2; exit 1; }

slurm:
	@PATH="$$PATH:/usr/sbin:/sbin"; for name in slurmctld slurmd munged sbatch; do command -v $$name || missing=$$name; done >/dev/null; \
	if [ "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes slurm-wlm munge >/dev/null; \
	elif [ "$$missing" ]; then \
	    echo "error: $$missing is not installed; as root on Debian: apt-get install slurm-wlm munge" >&2; exit 1; \
	fi

strace:
	@command -v strace >/dev/null || { echo "error: strace is not installed; install it with your system's package manager" >&2; exit 1; }

# One native binary in a package of its own for each platform; the package around it would only pick one.
$(CLIENT): | npm
	$(INSTALL) --prefix $(@D) \
	    "@anthropic-ai/claude-code-$$(node -p 'process.platform + "-" + process.arch')@$(CLAUDE_VERSION)"
	cd $(@D) && ln -sf node_modules/@anthropic-ai/claude-code-*/claude claude

$(CODEX): | npm
	$(INSTALL) --prefix $(@D) "@openai/codex@$(CODEX_VERSION)-$$(node -p 'process.platform + "-" + process.arch')"
	cd $(@D) && ln -sf node_modules/@openai/codex/vendor/*/bin/codex codex

$(GEMINI): | npm
	$(INSTALL) --prefix $(@D) "@google/gemini-cli@$(GEMINI_VERSION)"
	cd $(@D) && ln -sf node_modules/.bin/gemini gemini

$(OPENCODE): | npm
	$(INSTALL) --prefix $(@D) "opencode-$$(node -p 'process.platform + "-" + process.arch')@$(OPENCODE_VERSION)"
	cd $(@D) && ln -sf node_modules/opencode-*/bin/opencode opencode

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

# Peers have an environment of their own, so that neither they nor rouser pay for the others' packages.
$(BENCH_READY): pyproject.toml
	$(PYTHON) -m venv .cache/bench
	.cache/bench/bin/python -m pip install --quiet --upgrade pip
	.cache/bench/bin/pip install --quiet --group bench
	touch $@

$(DOCS_READY): $(READY)
	$(BIN)/pip install --quiet --group docs
	touch $@
