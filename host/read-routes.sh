#!/bin/sh
# pod-gateway: prints the routes of the gateway once they no longer change; changes nothing.
#
#   read-routes.sh SECONDS   reads until two readings, two seconds apart, are the same; fails after SECONDS
#
# Output: for each command a line "== COMMAND" and what it printed. The command is `ip -j` if iproute2 answers it in JSON, otherwise
# `route -n`: iproute2 4.14 to 4.16 accept -j and print text.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C

read_routes() {
	case $(ip -j -4 route show table main 2>/dev/null) in
	'['*)
		for family in 4 6; do
			echo "== ip -j -$family route"
			ip -j "-$family" route show table main
			echo
		done
		;;
	*)
		echo '== route -n'
		route -n
		;;
	esac
}

# used: prints the routes of standard input that servers could get, one a line. Leaves out routes from router advertisements, default
# routes and lifetimes: lifetimes count down, and a router may advertise at any time.
used() {
	sed 's/},[[:space:]]*{/},\
{/g' | sed -e '/"protocol":"ra"/d' -e '/"dst":"default"/d' -e 's/"expires":[0-9]*,*//g'
}

deadline=$(($(date +%s) + ${1:-30}))
before=$(read_routes | used)
while :; do
	sleep 2
	now=$(read_routes)
	used_now=$(printf '%s\n' "$now" | used)
	[ "$used_now" != "$before" ] || break
	[ "$(date +%s)" -lt "$deadline" ] || {
		echo "the routes did not come to rest within ${1:-30} s" >&2
		exit 1
	}
	before=$used_now
done
printf '%s\n' "$now"
