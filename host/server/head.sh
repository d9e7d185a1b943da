#!/bin/sh
# pod-gateway: the routes and nameserver configuration of one physical server, changed in one transaction.
#
#   server-network.sh apply             reads the desired state on standard input, applies it, verifies, commits or rolls back
#   server-network.sh apply --dry-run   prints the exact difference and changes nothing
#   server-network.sh restore           takes everything of a stack away; without any stack left, the server is as it was before
#     --stack NAME                      of that stack; needed where several stacks serve this server
#     --all                             of every stack
#     --dry-run                         prints what would go and changes nothing
#   server-network.sh reapply           puts back what somebody took away (run by pod-gateway.timer and at boot)
#   server-network.sh rollback          undoes an unfinished transaction
#   server-network.sh status            prints the state in force, stack by stack, and what could not be undone
#   server-network.sh detect            prints the method that "dns-method auto" comes to here
#
# Needs systemd 247 or newer with its D-Bus, iproute2, util-linux's flock, coreutils, findutils, awk, sed and grep, and root:
# another user is helped by sudo, where it may. With bash the nameserver is asked directly, with ping the pods are; with diffutils a
# dry run shows the lines of files. Messages for people go to standard error; the last line on standard output is JSON. What was
# done, and by whom, is a line of the journal (journalctl -t pod-gateway); the last deployment of a stack is also in
# /var/lib/pod-gateway/STACK/record.json.
# Exit codes: 0 done (or nothing to do), 1 failed and rolled back (or what could not be rolled back is told), 2 refused before any
# change.
#
# The model is Junos' `commit confirmed`. The change runs as a systemd service of its own, pod-gateway-run.service, with a time
# limit. However that ends (an error, a lost session, a kill, a hang), systemd ends its processes and has the change undone, unless
# it was committed. What a power cut leaves is undone at the next boot by pod-gateway.service, which is on disk before the first
# change. A journal, $STATE/.pending, says what was before; it goes only when all of that was seen to be there again.
#
# This file is put together from host/server/*.sh by `npm run host`; edit those.
set -u
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
# resolvectl(1) and others wrap their lines at this width.
export LC_ALL=C COLUMNS=9999
# Of package.json; `npm run host` writes it here.
VERSION=

# Our routes carry a protocol number of their own (rtnetlink(7), rtm_protocol; 4 to 255 are free for user space).
PROTOCOL=157
STATE=${POD_GATEWAY_STATE:-/var/lib/pod-gateway}
INSTALLED=/usr/local/sbin/pod-gateway-host
UPLOADED=/usr/local/lib/pod-gateway-host
BACKUPS=/var/backups/pod-gateway
# Root's alone: nobody else can hold the lock.
RUN=/run/pod-gateway
LOCK=$RUN/lock
# Its time is when everything was last seen to be as desired.
SEEN=$RUN/in-force
# Its files have changed, and the resolver has not read them; another program decides about resolv.conf than before, seen once.
UNTOLD=$RUN/untold
SEEN_OWNER=$RUN/owner
# The lock of versions that knew one stack.
OLD_LOCK=/run/pod-gateway.lock
RUN_UNIT=pod-gateway-run
# flock(1) ends with this code where another run holds the lock (EX_TEMPFAIL of sysexits.h).
BUSY=75

# The journal of a transaction that is not over, and of one that is over but not tidied up.
PENDING=$STATE/.pending
FINISHED=$STATE/.finished
# Server-wide: what we wrote ("SHA-256 PATH") and the folders that we made ("folder PATH"); links whose names we claimed.
WRITTEN=$STATE/.written
LINKS=$STATE/.links
# There was no resolv.conf before us.
ABSENT=$STATE/.resolv.conf.absent

RESOLV_CONF=/etc/resolv.conf
BLOCK_BEGIN='# pod-gateway begin'
BLOCK_END='# pod-gateway end'
HELD_BACK='# held back by pod-gateway: '

# Seconds. For a service to restart; for a run to get its turn; between the time limit of the checks and that of the run.
RELOAD_LIMIT=15
TURN_LIMIT=30
MARGIN=6
