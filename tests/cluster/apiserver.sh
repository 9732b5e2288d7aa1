#!/usr/bin/env bash
# A bare API server for contract tests: etcd and kube-apiserver on loopback, as an ordinary user, no nodes, in 3 s. With `controllers` also the
# kube-controller-manager (garbage collection by owner reference, namespace deletion, ReplicaSets whose pods stay Pending).
#
#   STATE=<folder> [PORT=16443 ETCD_PORT=16444 PEER_PORT=16445] ./apiserver.sh start [controllers]   prints KUBECONFIG=$STATE/kubeconfig
#   STATE=<folder> ./apiserver.sh stop                                                               returns when every process has ended
#
# The caller chooses free ports, so that runs do not meet. The programs are those of build.sh kubernetes (BIN says where, if not in the cache).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/progress.sh"
takes start controllers stop -- "${@:-nothing}"
STATE=${STATE:?say where state and logs go: STATE=<folder>}
BIN=${BIN:-${CLUSTER_BIN:-${CLUSTER_CACHE:-$HOME/.cache/opsbuddy}/bin}}
PORT=${PORT:-16443}
ETCD_PORT=${ETCD_PORT:-$((PORT + 1))}
PEER_PORT=${PEER_PORT:-$((PORT + 2))}

start() {
  local program token
  for program in etcd kube-apiserver kube-controller-manager kubectl; do
    [[ -x $BIN/$program ]] || { echo "$BIN/$program is missing: run tests/cluster/build.sh kubernetes" >&2; exit 1; }
  done
  command -v openssl >/dev/null || { echo "openssl is missing: install it (Debian: apt-get install openssl)" >&2; exit 1; }
  mkdir -p "$STATE"
  STATE=$(cd "$STATE" && pwd)
  cd "$STATE"
  openssl genrsa -out sa.key 2048 2>/dev/null
  openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
  token=$(openssl rand -hex 16)
  (umask 077 && echo "$token,admin,admin,system:masters" >tokens.csv)
  run etcd "$BIN/etcd" --data-dir etcd --unsafe-no-fsync --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
    --listen-peer-urls "http://127.0.0.1:$PEER_PORT" --initial-advertise-peer-urls "http://127.0.0.1:$PEER_PORT" --initial-cluster "default=http://127.0.0.1:$PEER_PORT"
  run apiserver "$BIN/kube-apiserver" --etcd-servers "http://127.0.0.1:$ETCD_PORT" --bind-address 127.0.0.1 --secure-port "$PORT" --cert-dir certs \
    --token-auth-file tokens.csv --authorization-mode RBAC --service-account-key-file sa.pub --service-account-signing-key-file sa.key \
    --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range 10.96.0.0/16 --watch-cache-sizes=
  write_kubeconfig "$token"
  wait_until_ready
  if [[ ${1:-} == controllers ]]; then
    run controllers "$BIN/kube-controller-manager" --kubeconfig kubeconfig --service-account-private-key-file sa.key --use-service-account-credentials \
      --leader-elect=false --secure-port 0 --horizontal-pod-autoscaler-sync-period 2s --controllers '*,-nodeipam,-nodelifecycle,-cloud-node-lifecycle'
  fi
  echo "KUBECONFIG=$STATE/kubeconfig"
}

run() { # run NAME PROGRAM...
  local name=$1
  shift
  setsid "$@" >"$name.log" 2>&1 </dev/null &
  echo $! >"$name.pid"
}

write_kubeconfig() {
  export KUBECONFIG=$STATE/kubeconfig
  {
    "$BIN/kubectl" config set-cluster bare --server "https://127.0.0.1:$PORT" --insecure-skip-tls-verify
    "$BIN/kubectl" config set-credentials admin --token "$1"
    "$BIN/kubectl" config set-context bare --cluster bare --user admin
    "$BIN/kubectl" config use-context bare
  } >/dev/null
}

wait_until_ready() {
  local i
  for ((i = 0; i < 300; i++)); do
    ! "$BIN/kubectl" get --raw /readyz --request-timeout 5s >/dev/null 2>&1 || return 0
    if ! kill -0 "$(<etcd.pid)" 2>/dev/null || ! kill -0 "$(<apiserver.pid)" 2>/dev/null; then break; fi
    sleep 0.1
  done
  echo "the API server did not come up on port $PORT; the end of the logs in $STATE:" >&2
  tail -n 10 "$STATE"/{etcd,apiserver}.log >&2
  stop
  exit 1
}

stop() {
  local name pid i
  for name in controllers apiserver etcd; do # etcd last: the others end at once while it answers
    [[ -s $STATE/$name.pid ]] || continue
    pid=$(<"$STATE/$name.pid")
    kill "$pid" 2>/dev/null || true
    for ((i = 0; i < 10; i++)); do # a graceful end takes the API server 5 s and saves nothing here
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$STATE/$name.pid"
  done
}

[[ $1 != controllers ]] || takes -- "$1"
"$@"
