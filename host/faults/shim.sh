#!/bin/sh
# Runs in place of every external command of the script under test: counts the command, and makes a fault happen at one of them.
# /faults/plan has the fault: "NUMBER KIND". /faults/log has the commands.
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
	# For these, 1 is an answer and 2 is a failure.
	case $name in cmp | grep) exit 2 ;; esac
	exit 1
	;;
kill)
	# Kills the run with all its processes. If it has not begun, or is over, kills the process that waits for it.
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
