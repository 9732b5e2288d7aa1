#!/usr/bin/env bash
# Builds the cluster's programs from pinned Go modules into $CLUSTER_BIN, each module once: a stamp of its go.sum says that it is there.
# Cold, on two cores: kubernetes 4-10 min, influxdb 4 (needs cargo and pkg-config too), helm 2, otelcol 2, coredns 1-3, metrics-server 1.5, kwok 1.
#
#   ./build.sh [kubernetes kubectl helm kind coredns kube-router metrics-server local-path-provisioner cri-tools influxdb kwok versitygw otelcol compose buildx]
set -euo pipefail
[[ -z ${BIN:-} ]] || export CLUSTER_BIN=$BIN
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
ALL=(kubernetes helm kind coredns kube-router metrics-server local-path-provisioner cri-tools influxdb kwok versitygw otelcol compose buildx)
takes kubectl "${ALL[@]}" -- "$@"
cd "$HERE/tools"
export GOTOOLCHAIN=${GOTOOLCHAIN:-auto} CGO_ENABLED=0
version() { go list -m -f '{{.Version}}' "$1"; }
plain() { go build -trimpath -ldflags "-s -w ${2:-}" -o "$CLUSTER_BIN/${3:-}" "$1"; }

kubernetes() {
  local v p=k8s.io/component-base/version
  v=$(version k8s.io/kubernetes)
  go build -trimpath -ldflags "-s -w -X $p.gitVersion=$v -X $p.gitMajor=1 -X $p.gitMinor=$(cut -d. -f2 <<<"$v") -X $p.gitTreeState=clean" -o "$CLUSTER_BIN/" "${@/#/k8s.io/kubernetes/cmd/}"
}
build_kubectl() { kubernetes kubectl; }
build_kubernetes() {
  kubernetes kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl kubeadm
  plain go.etcd.io/etcd/server/v3 '' etcd
}
build_kind() { plain sigs.k8s.io/kind; }
build_cri-tools() { plain sigs.k8s.io/cri-tools/cmd/crictl; }
build_kube-router() { plain github.com/cloudnativelabs/kube-router/v2/cmd/kube-router; }
build_local-path-provisioner() { plain github.com/rancher/local-path-provisioner; }
build_versitygw() { plain github.com/versity/versitygw/cmd/versitygw; }
build_otelcol() { plain . '' otelcol; }
build_helm() { plain helm.sh/helm/v3/cmd/helm; }
build_coredns() { plain github.com/coredns/coredns; }
build_metrics-server() { plain sigs.k8s.io/metrics-server/cmd/metrics-server; }
build_kwok() { plain sigs.k8s.io/kwok/cmd/kwok; }
build_compose() { plain github.com/docker/compose/v2/cmd "-X github.com/docker/compose/v2/internal.Version=$(version github.com/docker/compose/v2)" docker-compose; }
build_buildx() { plain github.com/docker/buildx/cmd/buildx "-X github.com/docker/buildx/version.Version=$(version github.com/docker/buildx)" docker-buildx; }
build_influxdb() { # its Flux engine is Rust: influxdata/pkg-config builds it with cargo when cgo asks pkg-config for it
  export CGO_ENABLED=1
  go build -o "$CLUSTER_BIN/influx-pkg-config/pkg-config" github.com/influxdata/pkg-config
  PKG_CONFIG=$CLUSTER_BIN/influx-pkg-config/pkg-config RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-stable} RUSTFLAGS=--cap-lints=warn \
    go build -trimpath -tags sqlite_foreign_keys,sqlite_json \
    -ldflags "-s -w -X main.version=$(version github.com/influxdata/influxdb/v2)" -o "$CLUSTER_BIN/influxd" github.com/influxdata/influxdb/v2/cmd/influxd
}

folder() { if [[ $1 == kubectl ]]; then echo kubernetes; else echo "$1"; fi; }
stamp() { echo "$CLUSTER_BIN/.$1-$(sha256sum "$(folder "$1")/go.sum" | cut -c1-16)"; }
missing() { for m in "$@"; do [[ -e $(stamp "$m") ]] || echo "$m"; done; }
build() {
  cd "$(folder "$1")"
  "build_$1"
}

(($#)) || set -- "${ALL[@]}"
mapfile -t wanted < <(missing "$@")
((${#wanted[@]})) || exit 0
mkdir -p "$CLUSTER_BIN"
"$HERE/prerequisites.sh" build
# two runs with different clusters may share the programs
exec 8>>"$CLUSTER_BIN/.lock"
flock -n 8 || { say "waiting for another build of the cluster's programs"; flock -w 3600 8; }
mapfile -t wanted < <(missing "${wanted[@]}")
for m in "${wanted[@]}"; do
  step "building $m" build "$m"
  rm -f "$CLUSTER_BIN/.$m"-*
  touch "$(stamp "$m")"
done
