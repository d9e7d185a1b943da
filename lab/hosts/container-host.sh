#!/bin/sh
# Gives a host what a kubelet needs, without a change to the machine that all hosts share.
set -eu

# The controllers of cgroup v1 are mounted read-only. This host sees only its own part of them, and may write there.
for mount in /sys/fs/cgroup/*/; do
	! mountpoint -q "$mount" || mount -o remount,rw,bind "$mount"
done

# A kubelet insists on these kernel settings and would make them for the whole machine. It finds them made, in files that cover the
# real ones.
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
