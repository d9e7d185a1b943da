#!/bin/sh
# Runs the script with one fault, in namespaces of its own (unshare --mount --net --pid --fork) and in a root that is made of this
# machine's programs and of a small ext4 image.
# usage: sandbox.sh FOLDER IMAGE SCRIPT SCENARIO NUMBER KIND
#   NUMBER 0 makes no fault, counts the commands, and saves the image in FOLDER/after.img.
# Prints what happened, a line each: "commands N", "outcome EXIT JSON", "struck COMMAND", "state WHEN SHA", "detail WHEN PATH".
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
folder=$1 image=$2 script=$3 scenario=$4 number=$5 kind=$6
here=$(dirname "$(readlink -f "$0")")
root=$folder/root

mount --make-rprivate /
mkdir -p "$root"
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr root real-sbin proc dev run tmp etc var disk faults/mock faults/units
for name in bin sbin lib lib64; do ln -s "usr/$name" "$name"; done
mount --bind /usr usr
mount --bind /usr/sbin real-sbin
mount --rbind /dev dev
mount -t proc proc proc
mount -t tmpfs -o size=3m,mode=755 tmpfs run
cp --sparse=always "$image" disk.img
# Only a run that may get the fault has the shims: they double the processes.
mount --bind "${folder%/*}/plain" usr/sbin
cp "$here/shim.sh" "$here/disk.sh" faults/
chmod 755 faults/shim.sh
for name in systemctl systemd-run systemd-cat; do cp "$here/systemd.sh" "faults/mock/$name"; done
chmod 755 faults/mock/*

mounted() {
	mount -o loop disk.img disk
	mount --bind disk/etc etc
	mount --bind disk/var var
	mount --bind disk/usr/local usr/local
	cp "$script" run/script
}
network() {
	ip link set lo up
	ip link add eth0 type veth peer name peer0
	ip link set eth0 up
	ip link set peer0 up
	ip address add 10.200.0.31/24 dev eth0
	ip route add default via 10.200.0.1
}
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin "$@"; }
# timer: what the timer does, or a boot: systemd runs the service if it is enabled.
timer() {
	[ -e etc/systemd/system/pod-gateway.service ] && [ -e usr/local/sbin/pod-gateway-host ] || return 0
	[ -L etc/systemd/system/multi-user.target.wants/pod-gateway.service ] || return 0
	rm -rf run/script
	inside /usr/bin/timeout -s KILL 60 sh /usr/local/sbin/pod-gateway-host reapply >>log 2>&1 || echo "reapply: $?" >>log
}
# state WHEN: prints a digest of the server's state: files, routes, and what its resolver has read. Records, which have a time, and
# backups do not count.
state() {
	{
		find etc var/lib/pod-gateway usr/local -printf '%y %m %p %l\n' 2>/dev/null | grep -v ' etc/\.pwd'
		find etc var/lib/pod-gateway usr/local -type f ! -name record.json -exec sha256sum {} + 2>/dev/null || true
		ip route show
		ip -6 route show proto 157
		cat faults/loaded 2>/dev/null || true
	} | sort >"$folder/state.$1"
	echo "state $1 $(sha256sum <"$folder/state.$1" | cut -c 1-16)"
	# Prints the same without empty folders and files that nothing reads: prepared files, the journal, and the script and its units
	# while nothing enables them. Links that enable, files that a resolver reads, desired states and routes count.
	echo "live $1 $(grep -v -e '/\.[^ /]*\.pod-gateway-\(new\|old\)\( \|$\)' -e ' usr/local/sbin/pod-gateway-host\( \|$\)' \
		-e ' etc/systemd/system/pod-gateway\.\(service\|timer\|path\)\( \|$\)' -e ' var/lib/pod-gateway/\.[^ /]*\( \|$\)' \
		-e '^d .* \(var/lib/pod-gateway[^ ]*\|etc/systemd/system/[a-z-]*\.target\.wants\|etc/iproute2/rt_protos\.d\) $' \
		"$folder/state.$1" | sha256sum | cut -c 1-16)"
}

desired() {
	printf 'pod-gateway 1\nstack lab\nserver db-1\nroute 192.96.0.0/16 via 10.200.0.20\n'
	if [ "$1" = 1 ]; then printf 'route 192.244.0.0/26 via 10.200.0.20\n'; else printf 'route 192.244.0.64/26 via 10.200.0.21\n'; fi
	printf 'dns-method auto\nnameserver 192.96.0.1%s\ndomain cluster.local\nverify off\nrollback-after 120\n' "$1"
}

network
mounted
if [ "$scenario" = bench ]; then exec sh "$here/bench.sh" "$root" "$number" "$kind"; fi
case $scenario in *dnsmasq*)
	true >faults/units/dnsmasq
	printf 'nameserver 127.0.0.1\n' >etc/resolv.conf
	mkdir -p etc/dnsmasq.d
	printf 'conf-dir=/etc/dnsmasq.d\n' >etc/dnsmasq.conf
	# dnsmasq uses the files that it read when this server booted.
	cp etc/dnsmasq.d/pod-gateway.conf faults/loaded 2>/dev/null || true
	;;
esac
case $scenario in
first*) ;;
*)
	desired 1 >run/desired
	true >log
	if [ ! -e usr/local/sbin/pod-gateway-host ]; then inside sh /run/script apply <run/desired >>log 2>&1 || { cat log; exit 1; }; fi
	inside sh /usr/local/sbin/pod-gateway-host reapply >>log 2>&1
	;;
esac
case $scenario in
reapply)
	ip route flush proto 157
	printf 'nameserver 10.200.0.3\n' >etc/resolv.conf
	;;
reapply-dnsmasq)
	ip route flush proto 157
	rm -f etc/dnsmasq.d/pod-gateway.conf faults/loaded
	;;
moved-dnsmasq)
	# dnsmasq still runs but no longer owns resolv.conf. One run has seen that.
	printf 'nameserver 10.200.0.3\n' >etc/resolv.conf
	inside sh /usr/local/sbin/pod-gateway-host reapply >>log 2>&1 || true
	;;
recovery*)
	# The boot after a power cut in a transaction that had changed the names.
	desired 2 >run/desired
	sed 's/^\tput_class state .*/\tkill -KILL $$\n&/' "$script" >run/cut
	# shellcheck disable=SC2016 # the text as it stands there
	sed 's/timeout -s KILL 60 setsid \$after/true/' faults/mock/systemd-run >faults/mock/new && cat faults/mock/new >faults/mock/systemd-run
	state desired-before >/dev/null
	inside sh /run/cut apply <run/desired >>log 2>&1 || true
	ip route flush proto 157
	rm -rf run/pod-gateway
	;;
esac
sync -f disk
state before
case $scenario in first* | reapply*) desired 1 >run/desired ;; *) desired 2 >run/desired ;; esac
echo 1 >faults/last
echo "$number $kind" >faults/plan
case $kind in
scarce | runscarce)
	echo "0 $kind" >faults/plan
	inside sh /faults/disk.sh "$kind" "$number"
	;;
esac
true >faults/on
mount --bind "${folder%/*}/shims" usr/sbin
patience=300
[ "$kind" != hang ] || patience=12
# as_front VERB: what waits for the run, as a session does.
# shellcheck disable=SC2016 # the inner shell's own
as_front() { inside /usr/bin/timeout -s KILL "$patience" sh -c 'echo $$ >/faults/front; exec sh /run/script "$0"' "$1"; }
case $scenario in
first* | later*) as_front apply <run/desired >out 2>err && code=0 || code=$? ;;
restore*) as_front restore >out 2>err && code=0 || code=$? ;;
reapply* | moved* | recovery*)
	# As in its service, which has a time limit, too.
	inside /usr/bin/timeout -s KILL "$patience" \
		sh -c 'echo $$ >/faults/main; exec sh /usr/local/sbin/pod-gateway-host reapply' >out 2>err && code=0 || code=$?
	;;
esac
rm -f faults/on
umount --lazy usr/sbin
echo "commands $(wc -l <faults/log)"
[ "$number" -ne 0 ] || cp faults/log "$folder/commands"
[ ! -e faults/struck ] || echo "struck $(head -c 150 faults/struck | tr '\n' ' ')"
echo "outcome $code $(tail -n 1 out)"
sed 's/^/stderr /' err | tail -n 8
if [ -e faults/dead ]; then
	# A boot with the disk as it was at the power cut. Routes and /run are gone.
	umount etc var usr/local disk
	cp faults/cut.img disk.img
	ip route flush proto 157
	umount run && mount -t tmpfs -o size=3m,mode=755 tmpfs run
	rm -f faults/dead faults/loaded faults/units/pod-gateway.*
	mounted
	cp etc/dnsmasq.d/pod-gateway.conf faults/loaded 2>/dev/null || true
	timer
	timer
	state settled
else
	state at-once
	cp "$script" run/script 2>/dev/null || true
	inside sh /run/script status >said 2>&1 && code=0 || code=$?
	echo "status $code"
	timer
	case $kind in
	nospace | readonly | immutable | runfull | scarce | runscarce)
		state in-fault
		cp "$here/disk.sh" faults/disk.sh
		inside sh /faults/disk.sh "$kind" off
		timer
		;;
	esac
	timer
	state settled
fi
# The state after the next run, if nothing was committed.
cp "$script" run/script
case $scenario in
first* | restore*) [ -e var/lib/pod-gateway/lab/desired ] || inside sh /run/script restore >/dev/null 2>>log || true && state next ;;
esac
if [ "$number" -eq 0 ]; then
	sync -f disk
	umount etc var usr/local disk
	cp --sparse=always disk.img "$folder/after.img"
fi
