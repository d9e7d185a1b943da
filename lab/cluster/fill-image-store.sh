#!/bin/sh
# Imports an archive of images into a containerd store that no containerd uses, with the containerd of a root filesystem. Runs in a
# private mount and PID namespace of the caller: all mounts and processes of this script end with it.
# usage: fill-image-store.sh LOWERDIRS STORE ARCHIVE
set -eu
lower=$1 store=$2 archive=$3
root=$store.root
mkdir -p "$store" "$root"
mount -t overlay overlay -o "lowerdir=$lower" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
mkdir "$root/run/store"
mount --bind "$store" "$root/run/store"

echo 'disabled_plugins = ["io.containerd.grpc.v1.cri"]' >"$root/run/config.toml"
chroot "$root" containerd --config /run/config.toml --log-level warn \
	--root /run/store --state /run/state --address /run/socket &
containerd=$!
tries=0
until chroot "$root" ctr --address /run/socket version >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || exit 1
	sleep 0.1
done
chroot "$root" ctr --address /run/socket --namespace k8s.io images import - <"$archive"
kill "$containerd"
wait "$containerd" || true
