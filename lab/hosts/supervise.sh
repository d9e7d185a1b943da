#!/bin/sh
# Keeps one host of the lab running: boots it, and boots it again whenever it asks to reboot, each time with a new network.
# usage: supervise.sh NAME NAMESPACE HUB-NAMESPACE MAC STATE LOWER CGROUP [NSPAWN-OPTION…]
set -eu
name=$1 namespace=$2 hub=$3 mac=$4 state=$5 lower=$6 cgroup=$7
shift 7
here=$(dirname "$0")

# The exit code of `systemd-nspawn --keep-unit` if the host inside has asked for a reboot (EXIT_FORCE_RESTART).
reboot=133

code=$reboot
while [ "$code" -eq "$reboot" ]; do
	sh "$here/namespace.sh" "$namespace" "$hub" "$name" "$mac"
	code=0
	# In a mount namespace of its own, so that the host's root filesystem is unmounted however the host ends.
	unshare --mount --propagation slave \
		sh "$here/boot.sh" "$name" "$namespace" "$state" "$lower" "$cgroup" "$@" || code=$?
done
exit "$code"
