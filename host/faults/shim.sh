#!/bin/sh
# Stands before every external command of the script under test: counts it, and at one of them makes a fault happen.
# /faults/plan: "NUMBER KIND". What is counted is in /faults/log.
name=${0##*/}
real=/real-sbin/$name
[ -x "$real" ] || real=/usr/bin/$name
[ ! -x "/faults/mock/$name" ] || real=/faults/mock/$name
[ -e /faults/on ] || exec "$real" "$@"
read -r n </faults/last
set -C
while ! { true >"/faults/ticket.$n"; } 2>/dev/null; do n=$((n + 1)); done
set +C
echo "$n" >/faults/last
first=$*
first=${first%%"
"*}
echo "$n $name $first" >>/faults/log
read -r at kind </faults/plan
[ "$n" -eq "$at" ] || exec "$real" "$@"
echo "$name $*" >/faults/struck
case $kind in
exit)
	# Of these, 1 is an answer and 2 a failure.
	case $name in cmp | grep) exit 2 ;; esac
	exit 1
	;;
kill)
	# The run with all its processes; where it has not begun, or is over, the process that waits for it.
	if read -r main 2>/dev/null </faults/main; then kill -KILL "-$main" 2>/dev/null; else
		read -r front 2>/dev/null </faults/front && kill -KILL "$front" 2>/dev/null
	fi
	exit 137
	;;
hang) exec /usr/bin/sleep 600 ;;
powercut)
	/usr/bin/cp /disk.img /faults/cut.img
	true >/faults/dead
	read -r main 2>/dev/null </faults/main && kill -KILL "-$main" 2>/dev/null
	exit 137
	;;
*)
	sh /faults/disk.sh "$kind" on
	exec "$real" "$@"
	;;
esac
