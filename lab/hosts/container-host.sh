#!/bin/sh
# Gives a host what a kubelet needs, without a hand on the machine that all hosts share.
set -eu

# The controllers of cgroup v1 are mounted read-only; what is seen of them here is this host's alone, so it may write.
for mount in /sys/fs/cgroup/*/; do
	! mountpoint -q "$mount" || mount -o remount,rw,bind "$mount"
done

# Settings of the kernel that a kubelet insists on and would make for the whole machine: it finds them made, in files that lie
# over the real ones.
while read -r setting value; do
	over=/run/kernel-settings/$setting
	mkdir -p "$(dirname "$over")"
	echo "$value" >"$over"
	mount --bind "$over" "/proc/sys/$setting"
done <<END
kernel/keys/root_maxbytes 25000000
kernel/keys/root_maxkeys 1000000
kernel/panic 10
kernel/panic_on_oops 1
vm/overcommit_memory 1
vm/panic_on_oom 0
END
