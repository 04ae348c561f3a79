#!/bin/bash
# PID 1 of a lab node: makes the node's own file system view, starts its two daemons, reaps what is left to it.
# $1 node name, $2 the node's folder on the machine, $3 extra environment file
set -eu
name=$1 dir=$2
mount --make-rprivate /
hostname "$name"
for path in /etc/cni/net.d /opt/cni/bin /var/lib/kubelet /var/lib/cni /var/lib/containerd /var/lib/weft /var/log/pods /var/log/containers /etc/kubernetes; do
  mkdir -p "$dir/fs$path" "$path"
  mount --bind "$dir/fs$path" "$path"
done
# Everything under /run is the node's own: sockets, network namespaces, shims.
mkdir -p "$dir/fs/etc-kubernetes"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/containerd /run/weft /run/lock
mount --make-rshared /
exec </dev/null

start() { # restarts a daemon that ends, as systemd would
  local unit=$1; shift
  ( while :; do
      "$@" >>"$dir/$unit.log" 2>&1 || true
      sleep 0.5
    done ) &
}
start containerd containerd --config "$dir/containerd.toml"
for _ in $(seq 100); do [ -S /run/containerd/containerd.sock ] && break; sleep 0.1; done
start kubelet kubelet --config="$dir/kubelet.json" --kubeconfig="$dir/kubelet.kubeconfig" --hostname-override="$name" --node-ip="$4" --v=1
while :; do wait -n || sleep 0.2; done
