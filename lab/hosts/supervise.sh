#!/bin/sh
# Keeps one host of the lab running: boots it, and again whenever it asks to reboot, each time with a fresh network.
# usage: supervise.sh NAME NAMESPACE HUB-NAMESPACE MAC STATE LOWER CGROUP [NSPAWN-OPTION…]
set -eu
name=$1 namespace=$2 hub=$3 mac=$4 state=$5 lower=$6 cgroup=$7
shift 7
here=$(dirname "$0")

# What `systemd-nspawn --keep-unit` ends with when the host inside has asked for a reboot (EXIT_FORCE_RESTART).
reboot=133

code=$reboot
while [ "$code" -eq "$reboot" ]; do
	sh "$here/namespace.sh" "$namespace" "$hub" "$name" "$mac"
	code=0
	# A mount namespace of its own: the host's root filesystem is unmounted when the host ends, however it ends.
	unshare --mount --propagation slave \
		sh "$here/boot.sh" "$name" "$namespace" "$state" "$lower" "$cgroup" "$@" || code=$?
done
exit "$code"
