#!/bin/sh
# pod-gateway: removes everything of pod-gateway from this server, by the script that a deployment installed here.
#
#   restore-server.sh [ARGUMENT...]   the arguments of `pod-gateway-host restore`
#
# The last line on standard output is JSON. Only {"result":"restored"} means that everything to be removed is gone. Messages for people
# go to standard error. Exit codes: 0 done, 1 failed.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
INSTALLED=/usr/local/sbin/pod-gateway-host
STATE=/var/lib/pod-gateway

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# is_there FILE: whether it exists. Fails if it cannot tell, as in a folder that may not be searched.
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
# A server that never had a transaction, or was reinstalled, has at most the uploaded script.
rm -f /usr/local/lib/pod-gateway-host-* .pod-gateway-host-* || fail "the scripts that were uploaded to this server cannot be removed"
echo '{"result":"restored"}'
