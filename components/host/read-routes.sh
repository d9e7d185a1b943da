#!/bin/sh
# pod-gateway: prints the routes of the gateway once they have come to rest; changes nothing.
#
#   read-routes.sh SECONDS   reads until two readings, two seconds apart, are the same, for at most SECONDS
#
# Output: a line "== COMMAND" and what that command printed, for each command. `ip -j` where iproute2 knows JSON (4.14), the
# original `route -n` elsewhere.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C

read_routes() {
	if ip -j -4 route show table main >/dev/null 2>&1; then
		for family in 4 6; do
			echo "== ip -j -$family route"
			ip -j "-$family" route show table main
			echo
		done
	else
		echo '== route -n'
		route -n
	fi
}

deadline=$(($(date +%s) + ${1:-30}))
before=$(read_routes)
while :; do
	sleep 2
	now=$(read_routes)
	[ "$now" != "$before" ] || break
	[ "$(date +%s)" -lt "$deadline" ] || {
		echo "the routes did not come to rest within ${1:-30} s" >&2
		exit 1
	}
	before=$now
done
printf '%s\n' "$now"
