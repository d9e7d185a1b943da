#!/bin/sh
# pod-gateway: puts the script for servers on this server, and lets it apply the desired state.
#
#   apply-server.sh BYTES SHA256 FILE   standard input has BYTES bytes of the script, then the desired state
#
# For a user other than root, FILE is in their home, and the script becomes root by sudo. Prints what `pod-gateway-host apply` prints.
# Exit codes: 1 the script did not get here, otherwise those of `pod-gateway-host apply`.
set -u
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
# Seconds. The run has limits of its own; this one is for a server on which they do not work.
LIMIT=260

bytes=$1 digest=$2 file=$3
fail() {
	rm -f "$file.new.$$"
	echo "refused, nothing was changed: the script did not get to $file: $*" >&2
	exit 1
}

case $file in */*) words=$(mkdir -p "${file%/*}" 2>&1) || fail "$words" ;; esac
words=$({ head -c "$bytes" >"$file.new.$$"; } 2>&1) || fail "$words"
[ "$(sha256sum <"$file.new.$$")" = "$digest  -" ] || fail 'the bytes that arrived are not the ones that were sent'
words=$(mv -f "$file.new.$$" "$file" 2>&1) || fail "$words"
exec timeout -k 10 $LIMIT /bin/sh "$file" apply
