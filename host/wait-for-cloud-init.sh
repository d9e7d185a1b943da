#!/bin/sh
# pod-gateway: waits until cloud-init has done its work on this machine; where there is none, there is nothing to wait for.
#
#   wait-for-cloud-init.sh SECONDS
#
# Exit code: cloud-init's own (0 done, 1 failed, 2 done with complaints), with its words on standard output; 124 when it was not
# done in time.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C

command -v cloud-init >/dev/null || exit 0
timeout "${1:-300}" cloud-init status --wait >/dev/null && exit
code=$?
cloud-init status --long
exit $code
