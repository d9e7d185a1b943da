#!/bin/sh
# Times the script on a server with ROUTES routes, inside the root that sandbox.sh has made: bench.sh ROOT ROUTES ROUNDS.
# Prints a line for each run: "bench WHAT SECONDS USER SYSTEM"; USER and SYSTEM are seconds of CPU.
set -eu
root=$1 routes=$2 rounds=$3
cd "$root"
mount -o remount,size=64m "$root/run"
echo '0 none' >faults/plan

desired() {
	printf 'pod-gateway 1\nstack lab\nserver db-1\n'
	awk -v n="$routes" -v hop="$1" 'BEGIN {
		for (i = 0; i < n; i++) printf "route 10.%d.%d.%d/26 via 10.200.0.%d\n", 128 + i / 1024, int(i / 4) % 256, i % 4 * 64, hop
	}'
	printf 'dns-method auto\nnameserver 10.127.0.1\ndomain cluster.local\nverify off\nrollback-after 120\n'
}
# timed WHAT RESULT INPUT VERB: fails if the result is another one.
timed() {
	# shellcheck disable=SC2016 # bash's own
	bash -c 'TIMEFORMAT="bench $0 %R %U %S"; time "$@" >out 2>err' "$1" \
		chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin sh /run/script "$4" <"$3" 2>&1
	[ "$4" = reapply ] || grep -q "\"result\":\"$2\"" out || { cat out err && exit 1; }
}
desired 20 >run/desired
desired 21 >run/changed
while [ "$rounds" -gt 0 ]; do
	timed apply applied run/desired apply
	timed unchanged unchanged run/desired apply
	timed all-changed applied run/changed apply
	timed reapply '' /dev/null reapply
	timed restore restored /dev/null restore
	rounds=$((rounds - 1))
done
