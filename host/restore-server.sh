#!/bin/sh
# pod-gateway: takes everything of pod-gateway's away from this server, by the script that a deployment installed on it.
#
#   restore-server.sh [ARGUMENT...]   what `pod-gateway-host restore` takes
#
# The last line on standard output is JSON; {"result":"restored"} alone means that nothing of what was to go is left. Messages for
# people go to standard error. Exit codes: 0 done, 1 failed.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
INSTALLED=/usr/local/sbin/pod-gateway-host
STATE=/var/lib/pod-gateway

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# is_there FILE: whether it is; a folder that may not be searched is no answer.
is_there() {
	if [ -e "$1" ]; then return 0; fi
	words=$(ls -d "$1" 2>&1) && return 0
	case $words in
	*'No such file or directory'*) return 1 ;;
	*) fail "whether there is $1 cannot be told: $words" ;;
	esac
}

if is_there $INSTALLED; then exec /bin/sh $INSTALLED restore "$@"; fi
left=
if is_there $STATE; then left=$(ls -A $STATE) || fail "what is left in $STATE cannot be told"; fi
if [ -n "$left" ]; then
	fail "$INSTALLED is gone, but its state is in $STATE; copy host/server-network.sh to this server, and run here, as root:" \
		"sh server-network.sh restore"
fi
# A server that never had a transaction, or was reinstalled, has at most the script that was uploaded.
rm -f /usr/local/lib/pod-gateway-host-* .pod-gateway-host-* || fail "the scripts that were uploaded to this server stay"
echo '{"result":"restored"}'
