# Each target sets up everything it needs: Python 3.11+, make and git are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: setup run test test-clients check demo simulate bench soak lock clean
.DEFAULT_GOAL := setup

.venv/.ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: .venv/.ready ## the environment in .venv, from hash-locked requirements

run: .venv/.ready ## gateway on 127.0.0.1:8080 with emulated vendors, admin on 127.0.0.1:8081
	@$(BIN)/secondsource serve --config config/gateway.yaml --emulate

test: .venv/.ready ## the whole suite
	@$(BIN)/pytest

test-clients: .venv/.ready ## the Node SDK against the gateway; fetches it, and a Node, into build/
	@$(BIN)/pytest -o addopts="" -q tests/clients

check: .venv/.ready ## lint, types, house rules, the example configs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 0 tests/test_house.py
	$(BIN)/secondsource check config/gateway.yaml

demo: .venv/.ready ## two minutes: a vendor dies under load
	@$(BIN)/python -m demo

simulate: .venv/.ready ## what the example config hangs on: build/report/report.html
	@$(BIN)/secondsource report config/scenarios --config config/gateway.yaml --incident openai-2025-06-10 --incident cloudflare-2025-11-18 --incident anthropic-claude2-2025-07-21 --out build/report

bench: .venv/.ready ## CPU per request and per stream event; PEERS=1 adds LiteLLM's proxy
	@$(BIN)/python -m bench $(if $(PEERS),--peers)

soak: .venv/.ready ## 200,000 requests: does memory stay where it is?
	@$(BIN)/python -m bench.soak

lock: .venv/.ready ## write requirements/*.txt anew from pyproject.toml
	$(BIN)/python -m venv .venv/lock
	.venv/lock/bin/pip install --quiet pip-tools
	.venv/lock/bin/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe --output-file requirements/runtime.txt pyproject.toml
	.venv/lock/bin/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe --extra dev --output-file requirements/dev.txt pyproject.toml
	.venv/lock/bin/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe --output-file requirements/peer-litellm.txt requirements/peer-litellm.in

clean:
	rm -rf .venv var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
