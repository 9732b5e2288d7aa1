#!/usr/bin/env bash
# Says what is missing on this machine and how to get it; as root on Debian or Ubuntu it installs the packages itself.
#
#   ./prerequisites.sh docker       what every cluster needs
#   ./prerequisites.sh daemon       to start a Docker daemon by hand (root, Linux)
#   ./prerequisites.sh images       to make base images without a registry
#   ./prerequisites.sh archive      to keep the node image as one archive, and to read it
#   ./prerequisites.sh build        to build the cluster's parts from source, and to start the API server alone
#   ./prerequisites.sh compose      docker compose, where the docker program has no plugin for it
#   ./prerequisites.sh browser      to test the web UI, and the commands of the documents
#   ./prerequisites.sh postgres     to test the services on PostgreSQL
#   ./prerequisites.sh prometheus   to let a real Prometheus send to the timeseries service, and to check alert rules
set -euo pipefail
HERE=$(dirname "${BASH_SOURCE[0]}")
source "$HERE/progress.sh"
takes docker daemon images archive build compose browser postgres prometheus -- "$@"

# a program and the Debian package that brings it
docker_programs=(docker:docker.io python3:python3 git:git)
daemon_programs=(dockerd:docker.io containerd:containerd runc:runc iptables:iptables nft:nftables ip:iproute2 kmod:kmod python3:python3 setsid:util-linux)
image_programs=(debootstrap:debootstrap)
archive_programs=(zstd:zstd)
compose_programs=(docker-compose:docker-compose)
browser_programs=(chromium-headless-shell:chromium-headless-shell curl:curl)
postgres_programs=(/usr/lib/postgresql/15/bin/initdb:postgresql-15)
prometheus_programs=(prometheus:prometheus promtool:prometheus)
build_programs=(pkg-config:pkg-config gcc:gcc cc:gcc git:git openssl:openssl)
GO_WANTED=1.26.0 CARGO_WANTED=1.74.0

has() { [[ -x $1 ]] || command -v "$1" >/dev/null 2>&1; }
# not_older VERSION WANTED, both like 1.26.0
not_older() {
  local -a a b
  IFS=. read -ra a <<<"$1"
  IFS=. read -ra b <<<"$2"
  for i in 0 1 2; do ((${a[i]:-0} == ${b[i]:-0})) || { ((${a[i]:-0} > ${b[i]:-0})); return; }; done
}

missing_programs() { # fills programs and packages
  local entry
  programs=() packages=()
  for entry in "$@"; do
    has "${entry%%:*}" || { programs+=("${entry%%:*}"); packages+=("${entry#*:}"); }
  done
}

need() { # need WHAT FOR program:package...
  local purpose=$1
  shift
  missing_programs "$@"
  ((${#programs[@]})) || return 0
  if has apt-get && [[ $(id -u) == 0 ]]; then
    install_packages "$purpose" "${packages[@]}"
    hash -r
    missing_programs "$@"
    ((${#programs[@]})) || return 0
  fi
  echo "Missing to $purpose: ${programs[*]}."
  echo "Install the Debian or Ubuntu packages (as root: apt-get install -y --no-install-recommends ${packages[*]}), or your system's equivalent, and run this again."
  return 1
} >&2

install_packages() {
  local purpose=$1
  shift
  # A package must not start a daemon of its own: the machine's service manager would keep it, and `down` would not know of it.
  step "installing $* to $purpose" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c \
    'apt-get update -q && apt-get install -y -q --no-install-recommends "$@"' sh "$@"
}

need_go() {
  local version=''
  ! has go || version=$(go env GOVERSION 2>/dev/null | sed 's/^go\([0-9.]*\).*/\1/')
  # from 1.21 on Go fetches the version that a go.mod asks for by itself
  [[ -n $version ]] && not_older "$version" 1.21.0 && return 0
  offer_package golang-go 1.21.0 && return 0
  echo "Missing to build the cluster's parts: Go $GO_WANTED or newer (1.21 does, it then fetches $GO_WANTED itself); found ${version:-none}."
  echo "Install it (Debian: golang-go from backports, or the archive of the Go project unpacked to /usr/local/go with its bin on PATH) and run this again."
  return 1
} >&2
need_cargo() {
  local version=''
  ! has cargo || version=$(cargo --version 2>/dev/null | cut -d' ' -f2)
  [[ -n $version ]] && not_older "${version%%-*}" "$CARGO_WANTED" && return 0
  offer_package cargo "$CARGO_WANTED" && return 0
  echo "Missing to build InfluxDB: Rust's cargo $CARGO_WANTED or newer; found ${version:-none}."
  echo "Install it (rustup, or a Debian newer than bookworm: cargo) and run this again."
  return 1
} >&2
offer_package() { # offer_package PACKAGE WANTED: installs it when the distribution's version suffices
  has apt-cache && [[ $(id -u) == 0 ]] || return 1
  local candidate
  candidate=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p')
  [[ -n $candidate ]] && not_older "$candidate" "$2" || return 1
  install_packages "build the cluster's parts" "$1"
}

case ${1:-docker} in
  docker) need "run a cluster" "${docker_programs[@]}" ;;
  daemon) need "start a Docker daemon" "${daemon_programs[@]}" ;;
  images) need "make images without a registry" "${image_programs[@]}" ;;
  archive) need "keep the node image as an archive" "${archive_programs[@]}" ;;
  build) need "build the cluster's parts" "${build_programs[@]}" && need_go && need_cargo ;;
  compose) docker compose version >/dev/null 2>&1 || need "run docker compose" "${compose_programs[@]}" ;;
  browser) # where there is no package of the engine alone the whole browser does, too, at twice the cost
    need "test the web UI" "${browser_programs[@]}" || { has chromium && has curl; } ;;
  postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need "test on PostgreSQL" "${postgres_programs[@]}" ;;
  prometheus) need "test remote write" "${prometheus_programs[@]}" ;;
esac
