#!/usr/bin/env bash
# A Docker daemon for machines where none runs and no service manager could start one. Linux and root only. All of it lives under $CLUSTER_STATE, with
# its own socket and its own bridge. A daemon that answers already (DOCKER_HOST, the current context, the default socket) is used and left alone.
#
#   ./docker-daemon.sh start   starts one where none answers
#   ./docker-daemon.sh host    prints the address of the one in use, nothing where the docker program's own default is right
#   ./docker-daemon.sh sweep   takes away what one of ours that died left; one that runs stays
#   ./docker-daemon.sh stop    takes ours away with everything it made, also after it was killed; its images stay under $CLUSTER_STATE/data
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
source "$HERE/lock.sh"
takes start host sweep stop -- "${@:-nothing}"
OURS=unix://$CLUSTER_STATE/docker.sock

answers() { timeout 10 docker ${1:+--host "$1"} version --format '{{.Server.Version}}' >/dev/null 2>&1; }
another_answers() { [[ $CLUSTER_DAEMON == any && ${DOCKER_HOST:-} != "$OURS" ]] && answers ''; }
ours_answers() { [[ -S $CLUSTER_STATE/docker.sock ]] && answers "$OURS"; }

host() {
  if another_answers; then echo "${DOCKER_HOST:-}"; else echo "$OURS"; fi
}

start() {
  ! another_answers || return 0
  if ! ours_answers; then
    [[ $(uname) == Linux && $(id -u) == 0 ]] || die "No Docker daemon answers${DOCKER_HOST:+ on $DOCKER_HOST}." \
      "Start Docker (and let your user talk to it: group docker), set DOCKER_HOST, or run this as root on Linux, where one is started for the cluster."
    "$HERE/prerequisites.sh" daemon
    step "starting a Docker daemon" launch
  fi
  keep_inside
}

launch() {
  mkdir -p "$CLUSTER_STATE"/{data,exec}
  [[ -e $CLUSTER_STATE/ip_forward ]] || cat /proc/sys/net/ipv4/ip_forward >"$CLUSTER_STATE/ip_forward"
  echo 1 >/proc/sys/net/ipv4/ip_forward # before the daemon does: it would also turn the machine's FORWARD policy to DROP
  # A bridge of our own, because an address pool of the machine may be in use already. Kind's nodes get a network of their own from the pool.
  ip link show "$CLUSTER_BRIDGE" >/dev/null 2>&1 || ip link add "$CLUSTER_BRIDGE" type bridge
  ip addr replace "$CLUSTER_BRIDGE_ADDRESS" dev "$CLUSTER_BRIDGE"
  ip link set "$CLUSTER_BRIDGE" up
  local i
  rm -f "$CLUSTER_STATE/docker.sock"
  remove_stale_pid_files
  setsid dockerd --host "$OURS" --data-root "$CLUSTER_STATE/data" --exec-root "$CLUSTER_STATE/exec" --pidfile "$CLUSTER_STATE/docker.pid" \
    --bridge "$CLUSTER_BRIDGE" --default-address-pool "base=$CLUSTER_POOL,size=24" --storage-driver overlay2 --exec-opt native.cgroupdriver=cgroupfs \
    --userland-proxy=false --add-runtime within-limits="$HERE/runc-within-limits.sh" --default-runtime within-limits \
    >"$CLUSTER_STATE/dockerd.log" 2>&1 </dev/null 9>&- &
  for ((i = 0; i < 300; i++)); do
    ! ours_answers || return 0
    kill -0 $! 2>/dev/null || break
    sleep 0.1
  done
  echo "it did not come up; the end of $CLUSTER_STATE/dockerd.log:"
  tail -n 15 "$CLUSTER_STATE/dockerd.log"
  return 1
}
# A daemon killed hard leaves its files and those of its containerd, and would not start again with them: a number in one may be another process by now,
# or the dead one still, which nobody has collected.
remove_stale_pid_files() {
  local file pid
  for file in "$CLUSTER_STATE/docker.pid" "$CLUSTER_STATE/exec/containerd/containerd.pid"; do
    [[ -s $file ]] || continue
    pid=$(<"$file")
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) =~ ^(dockerd|containerd)$ && -e $(readlink "/proc/$pid/exe") ]] || rm -f "$file"
  done
}

# Nothing of the nodes reaches past the machine. A packet to a Service's address that kube-proxy has not programmed yet would take the default route;
# whatever answers out there keeps the connection, and the API server never comes to talk to metrics-server. Rejecting makes it try again.
# The rule is about what leaves the nodes' bridge by another interface, so the bridge gets a name, and kind uses a network named kind that it finds.
# A rule about addresses would not do: where bridged packets pass the filter too, it rejects the nodes' answers to pods on other nodes.
keep_inside() {
  local rule=(DOCKER-USER -i "$CLUSTER_NODE_BRIDGE" ! -o "$CLUSTER_NODE_BRIDGE" -j REJECT)
  docker --host "$OURS" network inspect kind >/dev/null 2>&1 ||
    docker --host "$OURS" network create --driver bridge --opt "com.docker.network.bridge.name=$CLUSTER_NODE_BRIDGE" kind >/dev/null
  iptables -w -C "${rule[@]}" 2>/dev/null || iptables -w -I "${rule[@]}"
}

stop() {
  [[ -d $CLUSTER_STATE ]] || return 0
  [[ $(uname) == Linux && $(id -u) == 0 ]] || die "$CLUSTER_STATE holds a Docker daemon that root started: run this as root."
  # After a crash the daemon is brought back for a moment: it alone knows which volumes and networks belonged to the containers.
  if ! ours_answers && compgen -G "$CLUSTER_STATE/data/containers/*" >/dev/null; then
    if ! step "bringing the Docker daemon back to tidy up" launch; then say "going on without"; fi
  fi
  if ours_answers; then
    if ! step "removing containers and networks" remove_all; then say "going on without"; fi
  fi
  step "ending the Docker daemon" end_daemon
  python3 "$HERE/sweep.py"
  if [[ -s $CLUSTER_STATE/ip_forward ]]; then
    cat "$CLUSTER_STATE/ip_forward" >/proc/sys/net/ipv4/ip_forward
    rm -f "$CLUSTER_STATE/ip_forward"
  fi
}
# Rules of a daemon that died still send a port of 127.0.0.1 to where the API server was: whoever is given that port later is not reached.
sweep() {
  [[ -s $CLUSTER_STATE/ip_forward && $(id -u) == 0 ]] || return 0
  take_lock docker-daemon.sh # or one that another script is starting would look dead
  remove_stale_pid_files
  [[ -e $CLUSTER_STATE/docker.pid ]] || step "removing what a Docker daemon that died left behind" stop
}
remove_all() {
  local -a containers
  mapfile -t containers < <(docker --host "$OURS" ps -aq)
  ((${#containers[@]} == 0)) || timeout 120 docker --host "$OURS" rm -fv "${containers[@]}"
  timeout 60 docker --host "$OURS" network prune -f
  timeout 60 docker --host "$OURS" volume prune -f
}
end_daemon() {
  local pid i
  remove_stale_pid_files
  [[ -s $CLUSTER_STATE/docker.pid ]] || return 0
  pid=$(<"$CLUSTER_STATE/docker.pid")
  kill "$pid" 2>/dev/null || return 0
  for ((i = 0; i < 200; i++)); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  echo "it does not end, killing it"
  kill -9 "$pid" 2>/dev/null || true
}

"$1"
