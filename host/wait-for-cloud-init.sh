#!/bin/sh
# pod-gateway: waits until cloud-init has done its work on this machine. Does not wait if there is no cloud-init.
#
#   wait-for-cloud-init.sh SECONDS
#
# Exit code: that of cloud-init (0 done, 1 failed, 2 done with complaints), with its words on standard output; 124 if it was not done
# in time.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C

command -v cloud-init >/dev/null || exit 0
timeout "${1:-300}" cloud-init status --wait >/dev/null && exit
code=$?
cloud-init status --long
exit $code
