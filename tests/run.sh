#!/usr/bin/env bash
# Every test, cheapest first. Makes what it needs: packages of the machine, the API server and InfluxDB from source (cached), the browser, a kind
# cluster. A cluster that was there before stays; one that was made for the tests goes with them.
set -euo pipefail
source "$(dirname "$0")/cluster/progress.sh"
takes -- "$@"
cd "$(dirname "$0")/.."
stage() { printf '\n== %s (%d s so far)\n' "$1" "$SECONDS"; }
pytest() { .venv/bin/pytest -q "$@"; }

tests/cluster/docker-daemon.sh sweep
stage "lint, types, import contracts, generated files, fast tests"
make --no-print-directory check
stage "properties with all examples, and how much of the pure layers their own tests reach"
make --no-print-directory properties
stage "our programs as processes"
pytest -n 2 --dist worksteal -m "process and not influxdb and not postgres and not s3"

stage "what the other tests need"
tests/cluster/prerequisites.sh build
tests/cluster/build.sh kubernetes influxdb helm versitygw otelcol
tests/cluster/prerequisites.sh docker
tests/cluster/prerequisites.sh daemon
tests/cluster/prerequisites.sh compose
tests/cluster/prerequisites.sh browser
tests/cluster/prerequisites.sh postgres
tests/cluster/prerequisites.sh prometheus

stage "the Helm charts"
pytest -n 2 --dist worksteal -m charts
stage "the Docker daemon that is started where none runs, and that it goes without a trace"
pytest -m docker
stage "contracts with a real API server"
pytest -n 3 --dist worksteal -m contract
stage "services on a real InfluxDB, PostgreSQL and S3, their traces in a real Collector"
pytest -n 2 --dist loadfile -m "influxdb or postgres or s3 or collector"
stage "the platform as local processes, and the web UI in a real browser"
pytest -n 2 --dist loadscope -m "demo or browser"
stage "the whole platform on a kind cluster"
made=$(tests/cluster/up.sh --created)
[[ $made == found ]] || trap tests/cluster/down.sh EXIT
tests/cluster/install.sh
eval "$(tests/cluster/env.sh)"
pytest -n 3 --dist worksteal -m namespaced
pytest -m "e2e and not namespaced"
stage "docker compose, with the images of the cluster"
pytest -m compose
stage "done"
