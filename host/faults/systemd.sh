#!/bin/sh
# Does what the script asks of systemd: services with a time limit, a process group that ends as one, and a command that runs after
# the service, however that ended. Runs as systemctl, systemd-run or systemd-cat.
PATH=/real-sbin:/usr/bin
units=/faults/units
case ${0##*/} in
systemd-cat)
	exit 0
	;;
systemctl)
	[ "$1" != --quiet ] || shift
	verb=$1
	shift
	case $verb in
	is-active) for unit; do if [ -e "$units/$unit" ]; then echo active; else echo inactive; fi; done ;;
	show) [ "$2" != ActiveState ] || [ ! -e "$units/run" ] || echo active ;;
	start) for unit; do true >"$units/$unit"; done ;;
	stop) for unit; do rm -f "$units/$unit"; done ;;
	try-restart | restart | reload)
		# A resolver uses the files that it read when it started.
		[ "$verb" = restart ] || [ -e "$units/$1" ] || exit 0
		rm -f "$units/$1"
		cp /etc/dnsmasq.d/pod-gateway.conf /faults/loaded 2>/dev/null || rm -f /faults/loaded
		true >"$units/$1"
		;;
	daemon-reload | reset-failed) ;;
	*) echo "systemctl $verb is not mocked" >&2; exit 1 ;;
	esac
	exit
	;;
esac
limit=100 after=
while [ $# -gt 0 ]; do
	case $1 in
	RuntimeMaxSec=*) limit=${1#*=} ;;
	ExecStopPost=*) after=${1#*=} ;;
	-*) ;;
	*=*) ;;
	*) break ;;
	esac
	shift
done
true >"$units/run"
# The service leads a session of its own, so that the watch can end all of it.
setsid sh -c 'echo $$ >/faults/main; exec "$@"' sh "$@" &
service=$!
# If something hangs, a minute shows no more than a few seconds.
read -r _ kind </faults/plan
[ "$kind" != hang ] || limit=5
(sleep "$limit"; read -r main </faults/main; kill -KILL "-$main" 2>/dev/null) >/dev/null 2>&1 &
watch=$!
wait $service
code=$?
kill $watch 2>/dev/null
read -r main </faults/main
kill -KILL "-$main" 2>/dev/null
rm -f /faults/main
if [ ! -e /faults/dead ]; then
	# shellcheck disable=SC2086 # a command line, as systemd parses it
	[ -z "$after" ] || timeout -s KILL 60 setsid $after
fi
rm -f "$units/run"
exit $code
