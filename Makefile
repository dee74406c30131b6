# Two commands matter: `make run` and `make test`. Each sets up whatever is missing by itself.
# `make` alone lists the rest. Arguments go through ARGS: make test ARGS="tests/unit -x".

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
UV := $(or $(shell command -v uv),.tools/bin/uv)

# uv does not read pip's settings: hand over the two that change what is found. Never a download
# of another Python: the one at hand serves.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
export UV_PYTHON_DOWNLOADS ?= never
export VIRTUAL_ENV := $(CURDIR)/.venv

# A stamp's name carries the digest of what it was made from, so make itself sees what is stale,
# whichever installer was used and whatever git did to the file times.
sha256 = $(firstword $(shell (sha256sum $(1) || shasum -a 256 $(1)) 2>/dev/null | (sha256sum || shasum -a 256) 2>/dev/null))
LOCK := requirements/dev.lock
NATIVE := pyproject.toml CMakeLists.txt $(sort $(wildcard $(addprefix src/quorate/native/*.,cpp hpp h)))
DEPS_STAMP := .venv/.deps-$(call sha256,$(LOCK))
CORE_STAMP := .venv/.core-$(call sha256,$(LOCK) $(NATIVE))

.PHONY: help run test setup fresh check lint format types contracts house wheel lock bench bench-peers sanitize demo clean

help:
	@awk -F':.*## ' '/^[a-z%-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## set up what is missing, run the desk on the built-in sample
	@$(BIN)/quorate run $(ARGS)

test: setup ## set up what is missing, run all tests
	@$(BIN)/python -m pytest -n logical --dist worksteal --durations=10 $(ARGS)

setup: $(CORE_STAMP) ## make .venv; rebuild the native core when it is stale
	@:

demo: setup ## a synthetic month with a crash, the shield at work, the proof
	@$(BIN)/quorate demo $(ARGS)

check: lint types contracts house ## lint, strict types, import contracts, house tests

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## mypy --strict on src
	$(BIN)/mypy

contracts: setup ## who may import whom (.importlinter)
	$(BIN)/lint-imports

house: setup
	$(BIN)/python -m pytest -q tests/house

bench: setup ## all benches
	@$(BIN)/python -m benches $(ARGS)

# detect_leaks=0: the interpreter's own. Timings and Hypothesis deadlines mean nothing here.
sanitize: setup ## native tests on a core built with AddressSanitizer and UBSan
	@echo "sanitize: building the native core"
	@$(UV) pip install -q --no-deps --no-build-isolation --reinstall-package quorate --target build/sanitized . \
	  -C build-dir=build/sanitize -C cmake.build-type=RelWithDebInfo -C install.strip=false \
	  -C cmake.define.QUORATE_SANITIZE=ON
	@LD_PRELOAD="$$($${CXX:-c++} -print-file-name=libasan.so) $$($${CXX:-c++} -print-file-name=libubsan.so)" \
	  ASAN_OPTIONS=detect_leaks=0 $(BIN)/python -m benches.sanitize $(ARGS)

prove-%: setup ## one claim of the README, measured again
	@$(BIN)/python -m benches.prove $* $(ARGS)

# --- environment ------------------------------------------------------------------------------

.tools/bin/uv: requirements/tools.lock
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "pip is missing: apt-get install python3-pip" >&2; exit 2; }
	@echo "setup: fetching uv"
	@rm -rf .tools && $(PYTHON) -m pip install -q --disable-pip-version-check --root-user-action=ignore \
	  --require-hashes --target .tools -r $< && touch $@

# Checked before minutes are spent, with the line that helps.
.venv/bin/python: | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import pathlib, sys, sysconfig; sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' \
	  || { echo "Python.h is missing: apt-get install python3-dev" >&2; exit 2; }
	@command -v $${CXX:-c++} >/dev/null || { echo "a C++20 compiler is missing: apt-get install g++" >&2; exit 2; }
	@$(UV) venv -q --clear --python $(PYTHON) .venv

$(DEPS_STAMP): | .venv/bin/python
	@echo "setup: installing the locked environment"
	@$(UV) pip sync -q --require-hashes $(LOCK)
	@rm -f .venv/.deps-* .venv/.core-* && touch $@

# --reinstall-package: past uv's own cache, for the stamp has already decided.
$(CORE_STAMP): | $(DEPS_STAMP)
	@echo "setup: building the native core"
	@$(UV) pip install -q --no-deps --no-build-isolation --reinstall-package quorate -e .
	@rm -f .venv/.core-* && touch $@

lock: $(UV) ## pin everything anew within pyproject's bounds (ARGS=--upgrade: newest)
	@compile="$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate $(ARGS)"; \
	  $$compile pyproject.toml --extra standard --group dev -o $(LOCK); \
	  echo 'uv>=0.9,<1' | $$compile - -o requirements/tools.lock
	@for peers in $(PEERS); do $(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate $(ARGS) benches/peers/$$peers.in -o benches/peers/$$peers.lock; done
	@! grep -nE '://|^-' requirements/*.lock benches/peers/*.lock # a lock names packages and hashes, never a host

wheel: setup ## dist/*.whl, built once for each state of the sources
	@stamp=dist/.wheel-$$(find src pyproject.toml CMakeLists.txt README.md LICENSE -type f ! -name '*.py[co]' ! -name _native.pyi -print0 \
	    | sort -z | xargs -0 $(BIN)/python -c 'import hashlib, pathlib, sys; print(hashlib.sha256(b"".join(p.encode() + hashlib.sha256(pathlib.Path(p).read_bytes()).digest() for p in sys.argv[1:])).hexdigest())'); \
	  [ -e $$stamp ] || { rm -rf dist; $(UV) build -q --wheel --no-build-isolation --python $(BIN)/python -o dist .; touch $$stamp; }; \
	  ls dist/*.whl

# The peers that `quorate bench engine` runs beside us, in environments of their own: never a dependency.
PEERS := event vector
bench-peers: $(PEERS:%=.peers/%/.done) ## environments of the peers for `quorate bench engine`
	@echo "peers: ready in .peers/"

.peers/%/.done: benches/peers/%.lock | $(UV)
	@echo "peers: setting up $*"
	@$(UV) venv -q --clear --python $(PYTHON) .peers/$*
	@VIRTUAL_ENV=.peers/$* $(UV) pip sync -q --require-hashes $< && touch $@

# --- from nothing -----------------------------------------------------------------------------

# Only what the network needs comes along; own HOME, own caches, a clone each.
fresh: ## run and test, each from its own clone with an empty environment; time and disk
	@root=$$(mktemp -d); trap 'rm -rf "$$root"' EXIT; keep=(); \
	  while IFS= read -r -d '' v; do \
	    case "$$v" in \
	      *_CACHE_DIR=*) ;; \
	      PIP_*|UV_*|SSL_CERT_*|REQUESTS_CA_BUNDLE=*|NODE_EXTRA_CA_CERTS=*|*_proxy=*|*_PROXY=*) keep+=("$$v") ;; \
	    esac; \
	  done < <(env -0); \
	  for goal in run test; do \
	    git clone -q . "$$root/$$goal"; mkdir "$$root/$$goal-home"; start=$$SECONDS; \
	    env -i "$${keep[@]}" HOME="$$root/$$goal-home" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
	      make -C "$$root/$$goal" --no-print-directory $$goal </dev/null; \
	    summary+="fresh: make $$goal took $$((SECONDS - start)) s, $$(du -shc "$$root/$$goal" "$$root/$$goal-home" | tail -1 | cut -f1) on disk"$$'\n'; \
	  done; printf '%s' "$$summary"

clean: ## back to the sources: environment, builds, caches
	rm -rf .venv .tools .peers build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .benchmarks src/quorate/native/_native.pyi
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
