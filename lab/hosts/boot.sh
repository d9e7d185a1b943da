#!/bin/sh
# Boots one host: makes its cgroup, mounts its root filesystem (an overlay on shared layers), and starts systemd as PID 1 in a
# container. Runs in a private mount namespace of the caller.
# usage: boot.sh NAME NAMESPACE STATE LOWER CGROUP [NSPAWN-OPTION…]
set -eu
name=$1 namespace=$2 state=$3 lower=$4 cgroup=$5
shift 5

# cgroup v2 is one hierarchy. v1 has a folder for each controller; links there are second names.
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
	set -- /sys/fs/cgroup -- "$@"
else
	set -- /sys/fs/cgroup/* -- "$@"
fi
while [ "$1" != -- ]; do
	hierarchy=$1
	shift
	if [ -L "$hierarchy" ] || [ ! -e "$hierarchy/cgroup.procs" ]; then continue; fi
	for group in "$hierarchy/${cgroup%/*}" "$hierarchy/$cgroup"; do
		parent=${group%/*}
		if [ -e "$parent/cgroup.subtree_control" ]; then
			read -r controllers <"$parent/cgroup.controllers" || true
			for controller in $controllers; do
				echo "+$controller" >"$parent/cgroup.subtree_control" || true
			done
		fi
		mkdir -p "$group"
		# A cpuset of v1 does not accept a process before its CPUs and memory nodes are set.
		for file in cpuset.cpus cpuset.mems; do
			if [ "${hierarchy##*/}" = cpuset ] && [ -z "$(cat "$group/$file")" ]; then
				cat "$parent/$file" >"$group/$file"
			fi
		done
	done
	echo $$ >"$hierarchy/$cgroup/cgroup.procs"
done
shift

# A tmpfs, so that systemd-nspawn's notes about its containers do not stay on the machine.
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=0755 tmpfs /run/systemd/nspawn
mkdir -p "$state/upper" "$state/work" "$state/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$state/upper,workdir=$state/work" "$state/root"

exec systemd-nspawn --quiet --directory="$state/root" --machine="$name" --boot --register=no --keep-unit \
	--capability=all --network-namespace-path="/run/netns/$namespace" \
	--link-journal=no --resolv-conf=off --timezone=off --console=read-only "$@"
