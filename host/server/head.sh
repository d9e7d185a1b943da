#!/bin/sh
# pod-gateway: the routes and nameserver configuration of one physical server, changed in one transaction.
#
#   server-network.sh apply             reads the desired state on standard input, applies it, verifies, commits or rolls back
#   server-network.sh apply --dry-run   prints the exact difference and changes nothing
#   server-network.sh restore           removes everything of a stack; after the last stack, the server is as it was before
#     --stack NAME                      of that stack; needed where several stacks serve this server
#     --all                             of every stack
#     --dry-run                         prints what would be removed and changes nothing
#   server-network.sh reapply           puts back what something else removed (run by pod-gateway.timer and at boot)
#   server-network.sh rollback          undoes an unfinished transaction
#   server-network.sh status            prints the state in force, stack by stack, and what could not be undone
#   server-network.sh detect            prints the method that "dns-method auto" chooses here
#
# Needs root, or sudo that lets this script run as root; systemd 247 or newer with D-Bus, iproute2, util-linux's flock, coreutils,
# findutils, awk, sed and grep. With bash it asks the nameserver directly. With ping it probes the pods. With diffutils a dry run
# shows the lines of files. Messages for people go to standard error. The last line on standard output is JSON. The journal says
# what was done, and by whom (journalctl -t pod-gateway). /var/lib/pod-gateway/STACK/record.json has the last deployment of a stack.
# Exit codes: 0 done (or nothing to do), 1 failed and rolled back (or a message says what could not be rolled back), 2 refused
# before any change.
#
# The model is Junos' `commit confirmed`. The change runs as a systemd service of its own, pod-gateway-run.service, with a time
# limit. When the service ends, for whatever reason (an error, a lost session, a kill, a hang), systemd ends its processes and
# undoes the change, unless it was committed. After a power cut, pod-gateway.service undoes it at the next boot; that unit is on
# disk before the first change. The journal $STATE/.pending says what was there before. It is removed only after all of that was
# seen to be there again.
#
# `npm run host` builds this file from host/server/*.sh; edit those.
set -u
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
# resolvectl(1) and others wrap their lines at this width.
export LC_ALL=C COLUMNS=9999
# `npm run host` writes the version of package.json here.
VERSION=

# Our routes carry a protocol number of their own (rtnetlink(7), rtm_protocol; 4 to 255 are free for user space).
PROTOCOL=157
STATE=${POD_GATEWAY_STATE:-/var/lib/pod-gateway}
INSTALLED=/usr/local/sbin/pod-gateway-host
UPLOADED=/usr/local/lib/pod-gateway-host
BACKUPS=/var/backups/pod-gateway
# Only root can open this folder, so that nobody else can hold the lock.
RUN=/run/pod-gateway
LOCK=$RUN/lock
# The file's time says when everything was last seen to be as desired.
SEEN=$RUN/in-force
# UNTOLD: the resolver's files have changed, and it has not read them yet.
# SEEN_OWNER: another program decides about resolv.conf than before; this has been seen once.
UNTOLD=$RUN/untold
SEEN_OWNER=$RUN/owner
# The lock of versions that knew only one stack.
OLD_LOCK=/run/pod-gateway.lock
RUN_UNIT=pod-gateway-run
# flock(1) ends with this code if another run holds the lock (EX_TEMPFAIL of sysexits.h).
BUSY=75

# The journal of an open transaction, and of a finished one that is not tidied up yet.
PENDING=$STATE/.pending
FINISHED=$STATE/.finished
# Of all stacks: the files that we wrote ("SHA-256 PATH") and the folders that we made ("folder PATH"); the links on which we
# claimed all names.
WRITTEN=$STATE/.written
LINKS=$STATE/.links
# This file exists if there was no resolv.conf before us.
ABSENT=$STATE/.resolv.conf.absent

RESOLV_CONF=/etc/resolv.conf
BLOCK_BEGIN='# pod-gateway begin'
BLOCK_END='# pod-gateway end'
HELD_BACK='# held back by pod-gateway: '

# Seconds: for a service to restart, for a run to get its turn, and between the time limit of the checks and that of the run.
RELOAD_LIMIT=15
TURN_LIMIT=30
MARGIN=6
