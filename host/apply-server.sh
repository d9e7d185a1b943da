#!/bin/sh
# pod-gateway: puts the script for servers on this server, and has it apply the desired state.
#
#   apply-server.sh BYTES SHA256 FILE   on standard input the script, so many bytes, then the desired state
#
# A user that is not root writes FILE into their home; the script helps itself by sudo. Prints what `pod-gateway-host apply` prints.
# Exit codes: 1 the script did not get here, or the ones of `pod-gateway-host apply`.
set -u
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
# Seconds. The run has its own limits; this one is for a server where even those do not hold.
LIMIT=260

bytes=$1 digest=$2 file=$3
fail() {
	rm -f "$file.new.$$"
	echo "refused, nothing was changed: the script did not get to $file: $*" >&2
	exit 1
}

case $file in */*) words=$(mkdir -p "${file%/*}" 2>&1) || fail "$words" ;; esac
words=$({ head -c "$bytes" >"$file.new.$$"; } 2>&1) || fail "$words"
[ "$(sha256sum <"$file.new.$$")" = "$digest  -" ] || fail 'what came is not what was sent'
words=$(mv -f "$file.new.$$" "$file" 2>&1) || fail "$words"
exec timeout -k 10 $LIMIT /bin/sh "$file" apply
