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
VERSION=0.1.0

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

# --- what is said, and to whom ---

# What the shell itself writes fails like a command, also in the middle of a list whose last line has room again. That is remembered,
# and no list is believed from then on. Messages for people, whoever reads them, are not part of any.
UNWRITTEN=
echo() {
	command echo "$@" || {
		UNWRITTEN=1
		return 1
	}
}
printf() {
	# shellcheck disable=SC2059 # as it was called
	command printf "$@" || {
		UNWRITTEN=1
		return 1
	}
}

# The result goes to standard output, also where a run ends in the middle of a list that goes to a file.
exec 6>&1

# Warnings of the timer's runs are for the journal, which takes a level in front (sd-daemon(3)).
LEVEL=
say() { command printf '%spod-gateway: %s\n' "$LEVEL" "$*" >&2 || :; }
refuse() {
	say "refused, nothing was changed: $*"
	outcome refused
	exit 2
}
# cannot WHY: ends a run that has not begun to change anything, or undoes one that has. Nobody asked for the timer's run, which may
# have undone something before: it has no result.
cannot() {
	[ -z "$UNFINISHED" ] || fail "$*"
	if [ "$verb" = reapply ]; then
		say "$*"
		exit 1
	fi
	refuse "$*"
}
# The last line on standard output. Whoever reads it may be gone; the change does not depend on that.
outcome() {
	[ -z "$WORK" ] || true >"$WORK/told"
	command printf '{"result":"%s"}\n' "$1" >&6 || :
}
# A line of the journal, for whoever asks later what was done here.
journal() { timeout 5 systemd-cat -t pod-gateway -p notice echo "$*" 9>&- || say 'the journal did not take its line'; }

# json TEXT: sets $json to the text as it stands between quotes in JSON. Control characters have no place in any value here.
json() {
	json=$1
	case $json in
	*[\"\\]*) json=$(printf '%s' "$json" | sed 's/[\\"]/\\&/g') ;;
	esac
}

# now: sets $now to seconds on a clock that nobody sets.
now() {
	if read -r now _ 2>/dev/null </proc/uptime; then now=${now%%.*}; else now=$(date +%s); fi
}

# join SEPARATOR: the lines of standard input on one line.
join() { paste -s -d "$1" -; }

# --- who runs this ---

# uid: sets $uid to the number of the user that this runs as (proc(5)).
uid() {
	while read -r key _ uid _; do [ "$key" != Uid: ] || return 0; done 2>/dev/null </proc/self/status
	uid=$(id -u)
}

# Goes on as root. sudo keeps the user's standard input, and asks for no password here: nobody is there to type it. Whether it
# lets this very command through is known by trying it with a harmless argument; sudo's own words say why it does not.
be_root() {
	uid
	[ "$uid" -ne 0 ] || return 0
	words='there is no sudo here'
	if command -v sudo >/dev/null; then
		if words=$(sudo -n /bin/sh "$SELF" help 2>&1 >/dev/null); then exec sudo -n /bin/sh "$SELF" "$@"; fi
		# sudo-rs knows no wildcards in arguments; there a rule names the script itself.
		# The one that is installed is root's, and may be run already.
		chmod u+x "$SELF" 2>/dev/null
		if sudo -n "$SELF" help >/dev/null 2>&1; then exec sudo -n "$SELF" "$@"; fi
	fi
	user=$(id -un)
	rule="$user ALL=(root) NOPASSWD: /bin/sh ${SELF%/*}/.pod-gateway-host-*, /bin/sh $INSTALLED *"
	case $(sudo --version 2>&1) in
	*sudo-rs*) rule="$user ALL=(root) NOPASSWD: ${SELF%/*}/.pod-gateway-host-*, $INSTALLED" ;;
	esac
	refuse "this needs root (sudo: $words): log in as root, or install sudo and put this line into /etc/sudoers.d/pod-gateway:
$rule
Where the line is there already, a later rule or a setting such as requiretty or noexec takes it back."
}

# operator: sets $OPERATOR to the address that the operator comes from, and $SSH_PORT to the port they came to. sudo takes that out
# of the environment, so the processes above are asked (proc(5)).
operator() {
	connection=${SSH_CONNECTION:-}
	pid=$$ environments=
	while [ -z "$connection" ] && [ "${pid:-0}" -gt 1 ] && [ -r "/proc/$pid/environ" ]; do
		environments="$environments /proc/$pid/environ"
		parent=
		while read -r key value; do [ "$key" != PPid: ] || parent=$value; done <"/proc/$pid/status"
		pid=$parent
	done 2>/dev/null
	# The nearest one's, and no more: what is between NUL bytes is a line here.
	# shellcheck disable=SC2086 # a list of paths without blanks
	[ -z "$environments" ] || connection=$(sed -zn '/^SSH_CONNECTION=/{s///p;q}' $environments 2>/dev/null | tr -d '\0')
	SSH_PORT=${connection##* }
	connection=${connection%% *}
	OPERATOR=${connection%%\%*}
	BY=${SUDO_USER:-$(id -un)}${OPERATOR:+@$OPERATOR}
	case $BY in *[!A-Za-z0-9._:@-]*) BY=$(printf '%s' "$BY" | tr -cd 'A-Za-z0-9._:@-') ;; esac
}

# --- the desired state: plain lines, a keyword and its values ---

# read_desired FILE [CHECKED]: checks the file, and sets STACK, SERVER, METHOD, VERIFY, MAX_SHRINK and ROLLBACK_AFTER. A cut connection must
# never pass for a shorter desired state: the last line has to be rollback-after, and it has to end in a newline.
read_desired() {
	STACK='' SERVER='' METHOD='' VERIFY='' ROLLBACK_AFTER='' MAX_SHRINK='' OUTSIDE='' line_number=0 last=''
	while IFS= read -r line || { [ -n "$line" ] && refuse 'the desired state is cut off'; }; do
		line_number=$((line_number + 1))
		if [ $line_number -eq 1 ]; then
			[ "$line" = 'pod-gateway 1' ] || refuse "the desired state does not begin with 'pod-gateway 1'"
			continue
		fi
		last=$line
		# Routes may be thousands: their lines are checked below, all at once.
		case $line in 'route '*) continue ;; esac
		read_line "$line" || refuse "this line of the desired state is not understood: $line"
	done <"$1"
	[ $line_number -gt 0 ] || refuse "the desired state does not begin with 'pod-gateway 1'"
	case $last in
	'rollback-after '*) ;;
	*) refuse 'the desired state is cut off: its last line is not rollback-after' ;;
	esac
	case "$STACK:$SERVER:$METHOD:$VERIFY" in
	:* | *::* | *:) refuse 'one of the lines stack, server, dns-method, verify of the desired state is missing' ;;
	esac
	{ [ "$ROLLBACK_AFTER" -ge 20 ] && [ "$ROLLBACK_AFTER" -le 120 ]; } ||
		refuse "rollback-after is $ROLLBACK_AFTER; it must be 20 to 120 seconds"
	# A run in its service reads what was checked before.
	[ -z "${2:-}" ] || return 0
	awk "$PREFIXES"'
		function bad(why) { print $0 ": " why; exit }
		$1 == "nameserver" && !is_address($2) { bad("no IPv4 or IPv6 address in its canonical form") }
		/^route / {
			if ($0 !~ /^route [0-9a-f.:\/]+( via [0-9a-f.:]+)+$/) bad("no route PREFIX via ADDRESS")
			if ((why = prefix_problem($2)) != "") bad(why)
			for (i = 4; i <= NF; i += 2) {
				if (!is_address($i)) bad($i " is no IPv4 or IPv6 address in its canonical form")
				if (($i ~ /:/) != ($2 ~ /:/)) bad($i " is of another family than " $2)
			}
			if ($2 in seen) bad("the second route to " $2)
			seen[$2]
		}
		$1 ~ /^verify-(name|pods)$/ { for (i = 3; i <= NF; i++) if ((why = prefix_problem($i)) != "") bad(why) }
	' "$1" >"$WORK/bad" || refuse 'the desired state could not be checked'
	[ ! -s "$WORK/bad" ] || refuse "this line of the desired state is not understood: $(cat "$WORK/bad")"
}

# The wire format, an arm per keyword; what addresses and prefixes are is checked afterwards, for all lines at once.
read_line() {
	case $1 in
	*'  '* | ' '* | *' ' | *[!!-~\ ]* | '') return 1 ;;
	esac
	set -f
	# shellcheck disable=SC2086 # words, parted by single spaces; nothing in them is special while globbing is off
	set -- $1
	set +f
	keyword=$1
	shift
	case $keyword in
	stack) once "$STACK" "$@" && is_stack "$1" && STACK=$1 ;;
	server) once "$SERVER" "$@" && is_name "$1" && SERVER=$1 ;;
	dns-method)
		once "$METHOD" "$@" || return 1
		case $1 in auto | resolved | networkmanager | dnsmasq | resolvconf | none) METHOD=$1 ;; *) return 1 ;; esac
		;;
	verify)
		once "$VERIFY" "$@" || return 1
		case $1 in strict | warn | off) VERIFY=$1 ;; *) return 1 ;; esac
		;;
	rollback-after)
		once "$ROLLBACK_AFTER" "$@" || return 1
		case $1 in [1-9] | [1-9][0-9] | [1-9][0-9][0-9]) ROLLBACK_AFTER=$1 ;; *) return 1 ;; esac
		;;
	max-shrink)
		once "$MAX_SHRINK" "$@" || return 1
		case $1 in [0-9] | [1-9][0-9] | 100) MAX_SHRINK=$1 ;; *) return 1 ;; esac
		;;
	nameserver) [ $# -eq 1 ] ;;
	domain | reverse-zone | search) [ $# -eq 1 ] && is_name "$1" ;;
	verify-outside) [ $# -eq 1 ] && is_name "$1" && OUTSIDE="$OUTSIDE $1" ;;
	verify-name | verify-pods) [ $# -ge 2 ] && is_name "$1" ;;
	*) return 1 ;;
	esac
}
# once BEFORE VALUE…: one value, and the first one.
once() { [ $# -eq 2 ] && [ -z "$1" ]; }
is_name() { case $1 in *[!A-Za-z0-9._-]* | [.-]* | *..* | '') return 1 ;; esac }
is_stack() { case $1 in *[!A-Za-z0-9._@/-]* | [./-]* | *..* | '') return 1 ;; esac }

# --- the stacks that serve this server ---

# stack_folder STACK: sets $folder to where its state is.
stack_folder() {
	folder=$1
	while :; do
		case $folder in */*) folder=${folder%%/*}@${folder#*/} ;; *) break ;; esac
	done
	folder=$STATE/$folder
}

# A version that knew one stack kept its state in $STATE itself; such a state is read from there, and moved by the next apply.
is_old_layout() { [ -f "$STATE/desired" ]; }

# committed_stacks: sets $COMMITTED to the desired states in force here, a file each.
committed_stacks() {
	COMMITTED=
	for file in "$STATE/desired" "$STATE"/*/desired; do
		[ ! -f "$file" ] || COMMITTED="$COMMITTED $file"
	done
}
# value_of KEYWORD FILE: sets $value to that of the first such line.
value_of() {
	while read -r keyword value; do [ "$keyword" != "$1" ] || return 0; done <"$2"
	value=
}
stack_of() { value_of stack "$1" && echo "$value"; }

# read_stacks: sets $STACKS to the names of all committed stacks and $OTHERS to the files of those that are not $STACK, whose file
# is $MINE (empty where there is none).
read_stacks() {
	committed_stacks
	STACKS='' OTHERS='' MINE=''
	for file in $COMMITTED; do
		value_of stack "$file"
		name=$value
		STACKS="$STACKS $name"
		if [ "$name" = "$STACK" ]; then MINE=$file; else OTHERS="$OTHERS $file"; fi
	done
}

# wanted_from FILE…: what all these states want together. $WORK/wanted has the routes, in order of their prefix, $WORK/owners the
# stack of each prefix, $WORK/names the lines about names ("KEYWORD STACK VALUE"), $WORK/hops the next hops.
wanted_from() {
	for list in wanted.unsorted owners names hops; do true >"$WORK/$list" || return 1; done
	ALL=
	[ $# -eq 0 ] || awk -v work="$WORK" '
		$1 == "stack" { stack = $2; print "stack", stack, stack >(work "/names") }
		$1 == "dns-method" { method[stack] = $2 }
		$1 == "route" {
			line = $0; sub(/^route /, "", line); print line >(work "/wanted.unsorted"); print $2, stack >(work "/owners")
			for (i = 4; i <= NF; i += 2) if (!hop[$i]++) print $i >(work "/hops")
		}
		$1 ~ /^(nameserver|domain|reverse-zone|search)$/ { name[++n] = $1 " " stack " " $2; of[n] = stack }
		END { for (i = 1; i <= n; i++) if (method[of[i]] != "none") print name[i] >(work "/names") }
	' "$@" || return 1
	sort "$WORK/wanted.unsorted" >"$WORK/wanted" || return 1
	# Lists for the texts of files: all stacks, nameservers, split domains, and search domains, each once.
	ALL='' NAMESERVERS='' ZONES='' SEARCHES=''
	while read -r keyword _ value; do
		case $keyword in
		stack) once_more ALL "$ALL" "$value" ;;
		nameserver) once_more NAMESERVERS "$NAMESERVERS" "$value" ;;
		domain | reverse-zone) once_more ZONES "$ZONES" "$value" ;;
		search) once_more SEARCHES "$SEARCHES" "$value" ;;
		esac
	done <"$WORK/names"
}
# once_more VARIABLE LIST WORD: adds the word to the list, unless it is in it.
once_more() {
	case " $2 " in *" $3 "*) return ;; esac
	eval "$1=\${2:+\$2 }\$3"
}

# header: the first line of each file of ours. Example: # Written by pod-gateway (stack lab). …
header() {
	case $ALL in *' '*) of="stacks $ALL" ;; *) of="stack $ALL" ;; esac
	printf '# Written by pod-gateway (%s). Undo everything with: %s restore\n' "$of" "$INSTALLED"
}

# --- addresses, prefixes and routes ---

# Functions for awk, both families. bits(ADDRESS): a text of 0 and 1, empty for what is no address. network(PREFIX OR ADDRESS): the
# leading bits that all its addresses share, a 4 or 6 before them. is_address: whether it is one, in its only canonical form (dotted
# decimal, RFC 5952). prefix_problem: why a text is no prefix to route; empty where it is one.
# shellcheck disable=SC2016 # awk's own
PREFIXES='
	function prepare(   i, j, n, s) {
		prepared = 1
		for (i = 0; i < 256; i++) { s = ""; n = i; for (j = 0; j < 8; j++) { s = (n % 2) s; n = int(n / 2) } OCTET[i] = s }
		for (i = 0; i < 16; i++) NIBBLE[substr("0123456789abcdef", i + 1, 1)] = substr(OCTET[i], 5)
	}
	function bits(a,   part, group, n, i, j, s, head, tail, missing) {
		if (!prepared) prepare()
		if (a ~ /^[0-9.]+$/) {
			n = split(a, part, ".")
			if (n != 4) return ""
			for (i = 1; i <= 4; i++) { if (part[i] !~ /^[0-9][0-9]?[0-9]?$/ || part[i] > 255) return ""; s = s OCTET[part[i] + 0] }
			return s
		}
		a = tolower(a)
		if (a !~ /^[0-9a-f:]+$/ || a !~ /:/ || a ~ /:::/) return ""
		if ((n = index(a, "::"))) {
			head = substr(a, 1, n - 1); tail = substr(a, n + 2)
			if (tail ~ /::/) return ""
			missing = 8 - (head == "" ? 0 : split(head, part, ":")) - (tail == "" ? 0 : split(tail, part, ":"))
			if (missing < 1) return ""
			a = head; while (missing-- > 0) a = a (a == "" ? "0" : ":0")
			if (tail != "") a = a ":" tail
		}
		if (split(a, group, ":") != 8) return ""
		for (i = 1; i <= 8; i++) {
			if (group[i] !~ /^[0-9a-f][0-9a-f]?[0-9a-f]?[0-9a-f]?$/) return ""
			for (j = length(group[i]); j < 4; j++) s = s "0000"
			for (j = 1; j <= length(group[i]); j++) s = s NIBBLE[substr(group[i], j, 1)]
			sub(/^0+/, "", group[i]); GROUP[i] = group[i] == "" ? "0" : group[i]
		}
		return s
	}
	function canonical6(   i, j, best, len, s) {
		len = 1
		for (i = 1; i <= 8; i++) { for (j = i; j <= 8 && GROUP[j] == "0"; j++) ; if (j - i > len) { best = i; len = j - i } }
		for (i = 1; i <= 8; i++) {
			if (i == best) { s = s "::"; i += len - 1; continue }
			s = s (s == "" || s ~ /::$/ ? "" : ":") GROUP[i]
		}
		return s
	}
	function is_address(a,   b) {
		b = bits(a)
		if (length(b) == 32) return a !~ /(^|\.)0[0-9]/
		return length(b) == 128 && canonical6() == a && b !~ /^0+1111111111111111................................$/
	}
	function network(p,   part, b) {
		b = split(p, part, "/") ? bits(part[1]) : ""
		if (b == "") return ""
		if (2 in part) b = substr(b, 1, part[2])
		return (p ~ /:/ ? 6 : 4) b
	}
	function prefix_problem(p,   part, n, b) {
		n = split(p, part, "/")
		if (n != 2 || !is_address(part[1])) return p " is no prefix in its canonical form"
		b = bits(part[1])
		if (part[2] !~ /^(0|[1-9][0-9]?[0-9]?)$/ || part[2] + 0 > length(b)) return p " has no prefix length"
		if (substr(b, part[2] + 1) ~ /1/) return p " has host bits set"
		return ""
	}
'
# One route a line as in the desired state ("PREFIX via A via B"), whatever iproute2 prints around it.
# shellcheck disable=SC2016 # awk's own
NORMAL='
	{
		line = $1; if (line !~ /\//) line = line (line ~ /:/ ? "/128" : "/32")
		for (i = 2; i < NF; i++) if ($i == "via") line = line " via " ($(i + 1) ~ /^inet6?$/ ? $(i + 2) : $(i + 1))
		print line
	}
'
# own_routes FILE: writes the routes of ours that the kernel has. A kernel that does not answer is an error, not "none".
own_routes() {
	{ ip -o -4 route show proto $PROTOCOL && ip -o -6 route show proto $PROTOCOL; } >"$WORK/own" || return 1
	if [ ! -s "$WORK/own" ]; then
		true >"$1"
		return
	fi
	# Printed alone so that an error of awk is seen; sort then puts both families in one order.
	awk "$NORMAL" "$WORK/own" >"$1" && sort -o "$1" "$1"
}

# prefixes FILE: in_prefixes ADDRESS… reads prefixes from standard input; tells whether each address lies in one of them.
in_prefixes() {
	printf '%s\n' "$1" "$2" | awk "$PREFIXES"'
		NR == 1 { n = split($0, prefix, " "); for (i = 1; i <= n; i++) within[i] = network(prefix[i]); next }
		{
			count = split($0, address, " ")
			for (i = 1; i <= count; i++) {
				b = network(address[i]); found = 0
				for (j = 1; j <= n; j++) if (b != "" && substr(b, 1, length(within[j])) == within[j]) found = 1
				if (!found) exit 1
			}
		}'
}

# route_batch WANTED CURRENT: writes to $WORK/batch.4 and .6 the ip(8) lines that turn one list into the other. What stays is not
# touched; a changed next hop is one atomic replace. With "undo" as the third argument what has to go goes first.
route_batch() {
	true >"$WORK/batch.4" || return 1
	true >"$WORK/batch.6" || return 1
	awk -v ours=$PROTOCOL -v undo="${3:-}" -v out="$WORK/batch." '
		function hops(   s, i) {
			if (NF == 3) return "via " $3
			for (i = 3; i <= NF; i += 2) s = s " nexthop via " $i
			return substr(s, 2)
		}
		function file(p) { return out (p ~ /:/ ? 6 : 4) }
		FILENAME == ARGV[1] { current[$1] = $0; count[$1]++; next }
		{ wanted[$1] }
		current[$1] == $0 && count[$1] == 1 { next }
		{ line[++n] = (($1 in count) ? "replace " : "add ") $1 " proto " ours " " hops(); at[n] = $1 }
		END {
			for (p in count) if (!(p in wanted)) gone[++m] = p
			if (undo) for (i = 1; i <= m; i++) print "route del " gone[i] " proto " ours >file(gone[i])
			for (i = 1; i <= n; i++) print "route " line[i] >file(at[i])
			if (!undo) for (i = 1; i <= m; i++) print "route del " gone[i] " proto " ours >file(gone[i])
		}' "$2" "$1"
}

# set_routes WANTED: makes the routes of ours, which are as in $WORK/routes.before, be exactly those in the file, or fails at the
# first that cannot be set.
set_routes() {
	route_batch "$1" "$WORK/routes.before" || return 1
	for f in 4 6; do
		[ ! -s "$WORK/batch.$f" ] || ip "-$f" -batch "$WORK/batch.$f" >&2 || return 1
	done
}

# set_routes_back WANTED: the same for an undo: whatever can be set is, and what is missing then is said by the comparison.
set_routes_back() {
	own_routes "$WORK/routes.now" && route_batch "$1" "$WORK/routes.now" undo || return 1
	for f in 4 6; do
		[ ! -s "$WORK/batch.$f" ] || ip -force "-$f" -batch "$WORK/batch.$f" >/dev/null 2>&1
	done
	own_routes "$WORK/routes.now" && cmp -s "$1" "$WORK/routes.now"
}

# --- what the program could not know: this machine's own addresses, networks and other routes ---

# guards: refuses, before any change, what would hurt here; a dry run the same.
guards() {
	guard_names
	guard_routes
	guard_shrink
}

# guard_routes DESIRED: refuses, before any change, routes that would hurt here. What cannot be read is no reason to go on.
guard_routes() {
	ip -o addr show >"$WORK/addresses" || refuse 'the addresses of this server cannot be read'
	{ ip -o -4 route show >"$WORK/routes.4" && ip -o -6 route show >"$WORK/routes.6"; } || refuse 'its routes cannot be read'
	if [ -s "$WORK/wanted" ] && [ ! -s "$WORK/addresses" ]; then refuse 'this server has no address, so no route can be judged'; fi
	kept_addresses || refuse 'its nameservers, or who is logged in here by SSH, cannot be read'
	if ! {
		awk '$3 ~ /^inet6?$/ {
			a = $4; n = $5 == "peer" ? $6 : a; sub(/\/.*/, "", a)
			print "address", a, "an address of this server"; print "network", n }' "$WORK/addresses" &&
		awk -v ours=$PROTOCOL '
			{ type = "unicast"; if ($1 !~ /^(default$|[0-9a-f]*[.:])/) { type = $1; sub(/^[^ ]+ +/, "") } }
			$1 == "default" && type == "unicast" {
				for (i = 2; i < NF; i++) if ($i == "via")
					print "address", ($(i + 1) ~ /^inet6?$/ ? $(i + 2) : $(i + 1)), "its default gateway"
			}
			$1 == "default" { $1 = FILENAME ~ /6$/ ? "::/0" : "0.0.0.0/0" }
			$1 !~ /\// { $1 = $1 ($1 ~ /:/ ? "/128" : "/32") }
			{ kind = $0 ~ " proto (" ours "|pod-gateway)( |$)" ? "own" : "route" }
			{ print kind, $0, (type == "unicast" ? "" : type) }' "$WORK/routes.4" "$WORK/routes.6" && cat "$WORK/kept"
	} >"$WORK/facts"; then refuse 'what this server has could not be judged (awk failed)'; fi
	{
		[ -z "$OPERATOR" ] || echo "address $OPERATOR the operator"
		while read -r prefix owner; do [ "$owner" = "$STACK" ] || echo "stack $prefix $owner"; done <"$WORK/owners"
		while read -r prefix owner; do [ "$owner" != "$STACK" ] || echo "wanted $prefix"; done <"$WORK/owners"
	} >>"$WORK/facts"
	awk "$PREFIXES"'
		function problem(text) { if (!told[text]++) print text }
		# longest(TABLE, LENGTHS, BITS): the longest entry that covers these bits; empty where none does.
		function longest(table, lengths, b,   l) {
			for (l = length(b); l > 0; l--) if ((l in lengths) && (substr(b, 1, l) in table)) return substr(b, 1, l)
			return ""
		}
		{ kind = $1; at = $2; b = network(at); $1 = $2 = ""; sub(/^ */, ""); text = $0; sub(/ *$/, "", text) }
		b == "" { problem("cannot tell what " at " is (" kind " " text ")"); next }
		kind == "wanted" {
			W[b] = at; LW[length(b)]; wanted[++n] = b
			if (length(b) - 1 < 8) problem("the route " at " is wider than /8: no cluster needs that much of the internet")
		}
		kind == "address" || kind == "peer" { address[++m] = b; name[m] = at; what[m] = text; strict[m] = kind == "address" }
		kind == "network" { N[b] = at; LN[length(b)] }
		kind == "stack" { S[b] = at; LS[length(b)]; owner[b] = text; other[++k] = b }
		kind == "route" { R[b] = at; LR[length(b)]; said[b] = at " " text }
		kind == "own" { O[b]; LO[length(b)] }
		END {
			for (i = 1; i <= m; i++) {
				if ((w = longest(W, LW, address[i])) == "") continue
				# What is asked for, or logged in, now: a longer route of others keeps its path, and one of ours is its path already.
				if (!strict[i] && (longest(O, LO, address[i]) != "" || length(longest(R, LR, address[i])) > length(w))) continue
				problem("the route " W[w] " covers " name[i] ", " what[i])
			}
			for (i = 1; i <= n; i++) {
				b = wanted[i]
				if ((t = longest(N, LN, b)) != "") problem("the route " W[b] " overlaps " N[t] ", a network this server is connected to")
				if ((t = longest(S, LS, b)) != "") problem("the route " W[b] " overlaps " S[t] " of the stack " owner[t])
				if (b in R) problem("a route for " W[b] " that is not ours is there already: " said[b] "; remove it or leave that prefix out")
			}
			for (t in N) if ((w = longest(W, LW, t)) != "") problem("the route " W[w] " overlaps " N[t] ", a network this server is connected to")
			for (i = 1; i <= k; i++) if ((w = longest(W, LW, other[i])) != "" && !((w) in S))
				problem("the route " W[w] " overlaps " S[other[i]] " of the stack " owner[other[i]])
		}' "$WORK/facts" >"$WORK/problems" || refuse 'the routes could not be judged (awk failed)'
	guard_next_hops >>"$WORK/problems" || refuse 'the next hops could not be judged (awk failed)'
	[ -z "$UNWRITTEN" ] || refuse 'there is no room in /run'
	[ ! -s "$WORK/problems" ] ||
		refuse "$(awk 'NR <= 20; END { if (NR > 20) print "and " NR - 20 " more like these" }' "$WORK/problems")"
}

# guard_shrink: half a table is no table. Refuses to take more of this stack's routes away than max-shrink allows, in hundredths of
# either family. A route is kept where a new one leads to all of it, or to a part that none led to by itself: other lengths are no loss.
# But what leads to one pod does not stand for a block: BIRD announces pods one by one when their block is gone.
guard_shrink() {
	[ -n "$MINE" ] && [ -n "$MAX_SHRINK" ] || return 0
	awk -v most="$MAX_SHRINK" "$PREFIXES"'
		# longest(TABLE, BITS): the longest entry that covers these bits; empty where none does.
		function longest(table, b,   l) {
			for (l = length(b); l > 0; l--) if (substr(b, 1, l) in table) return substr(b, 1, l)
			return ""
		}
		$1 != "route" { next }
		{ b = network($2); if (b == "") exit 1 }
		FILENAME == ARGV[1] { before[b]; at[++n] = b; name[n] = $2; next }
		{ now[b]; if (!(b in before) && length(b) < (b ~ /^4/ ? 33 : 129)) split_up[longest(before, b)] }
		END {
			for (i = 1; i <= n; i++) {
				family = substr(at[i], 1, 1); all[family]++
				if (longest(now, at[i]) != "" || (at[i] in split_up)) continue
				if (++gone[family] <= 8) names[family] = names[family] (gone[family] > 1 ? ", " : "") name[i]
			}
			for (family in gone) if (gone[family] * 100 > most * all[family])
				print gone[family] " of " all[family] " IPv" family " routes would go (" names[family] \
					(gone[family] > 8 ? " and " gone[family] - 8 " more" : "") \
					"), and " most " % may: are the routes of the gateways complete? Then run up again. " \
					"If these are to go, set pod-gateway:routes.maxShrink to 1 for one up"
		}' "$MINE" "$WORK/desired" >"$WORK/problems" || refuse 'how many routes would go could not be told (awk failed)'
	[ ! -s "$WORK/problems" ] || refuse "$(cat "$WORK/problems")"
}

# A next hop has to be another machine on a link of this server, as the kernel sees it (ip-route(8), "route get").
guard_next_hops() {
	while read -r hop; do
		path=$(ip -o route get "$hop" 2>&1)
		case " $path" in
		' local '* | *' dev lo '*) why='is an address of this server' ;;
		*' via '*) why="is not on a network of this server: the path to it is $path" ;;
		*' dev '*) continue ;;
		*) why="is on no network of this server${path:+: $path}" ;;
		esac
		awk -v hop="$hop" -v why="$why" '
			{ for (i = 3; i <= NF; i += 2) if ($i == hop) { if (!n++) first = $1 } }
			END { print "the route " first (n > 1 ? " and " n - 1 " more" : "") " goes by " hop ", which " why }' "$WORK/wanted" || return 1
	done <"$WORK/hops"
}

# kept_addresses: into $WORK/kept, whom a change must not cut off: the nameservers in use, and who is logged in here by SSH.
kept_addresses() {
	nameservers_in_use >"$WORK/nameservers" || return 1
	awk -v ours="$NAMESERVERS" '
		BEGIN { n = split(ours, list, " "); for (i = 1; i <= n; i++) seen[list[i]]++ }
		{ sub(/[#%].*/, ""); sub(/[ \t].*/, "") }
		$0 != "" && !/^(127\.|::1$)/ && !seen[$0]++ { print "peer", $0, "a nameserver that this server asks" }
	' "$WORK/nameservers" >"$WORK/kept" || return 1
	logins >"$WORK/logins" && awk '!seen[$1]++ { print "peer", $1, "who is logged in here by SSH" }' "$WORK/logins" >>"$WORK/kept"
}

# logins: who is logged in here by SSH, an address a line. Where ss(8) is missing or does not answer, the kernel's tables tell it
# (proc(5)): words of 32 bits as they lie in this machine's memory, in hexadecimal.
logins() {
	if sockets=$(timeout 5 ss -Htn state established "sport = :${SSH_PORT:-22}" 2>/dev/null 9>&-); then
		printf '%s\n' "$sockets" |
			awk '$4 != "" { a = $4; sub(/:[0-9]+$/, "", a); gsub(/[][]/, "", a); sub(/%.*/, "", a); sub(/^::ffff:/, "", a); print a }'
		return
	fi
	set -- /proc/net/tcp
	[ ! -e /proc/net/tcp6 ] || set -- "$@" /proc/net/tcp6
	one=$(printf '\001\000' | od -A n -t u2) || return 1
	awk -v port="${SSH_PORT:-22}" -v little="$((one == 1))" "$PREFIXES"'
		function number(hex,   i, n) { for (i = 1; i <= length(hex); i++) n = n * 16 + index("123456789ABCDEF", substr(hex, i, 1)); return n + 0 }
		# octet(WORDS, I): the two digits of the address at its octet I, from 0.
		function octet(words, i) { return substr(words, 1 + 2 * (little ? i + 3 - 2 * (i % 4) : i), 2) }
		FNR == 1 || $4 != "01" { next }
		{
			split($2, mine, ":"); split($3, theirs, ":"); a = theirs[1]
			if (number(mine[2]) != port) next
			if (length(a) == 8 || a ~ /^0000000000000000(FFFF0000|0000FFFF)/) {
				a = substr(a, length(a) - 7)
				print number(octet(a, 0)) "." number(octet(a, 1)) "." number(octet(a, 2)) "." number(octet(a, 3))
				next
			}
			text = ""
			for (i = 0; i < 16; i += 2) text = text (i ? ":" : "") octet(a, i) octet(a, i + 1)
			bits(text)
			print canonical6()
		}' "$@"
}

nameservers_in_use() {
	[ ! -r $RESOLV_CONF ] || sed -n "/^$BLOCK_BEGIN/,/^$BLOCK_END/d;s/^\($HELD_BACK\)*nameserver[[:blank:]]*//p" $RESOLV_CONF || return 1
	! active systemd-resolved ||
		timeout 5 resolvectl dns 2>/dev/null 9>&- | sed -n 's/^[^:]*([^)]*): *//p;s/^Global: *//p' | tr ' ' '\n'
}

# path_to ADDRESS…: how the kernel reaches each of them.
path_to() {
	for address; do
		path=$(ip -o route get "$address" 2>/dev/null)
		path=${path%% uid *}
		path=${path%% cache*}
		echo "$address: ${path%% expires *}"
	done
}

# --- files: what they are to be, what differs, and the only commands that change one ---

# The plan is $WORK/plan, a line a path: "CLASS KIND ARGUMENT PATH". CLASS is tool (this script), recovery (the units that run it, to
# undo what was cut off), names (what resolvers read), or state. KIND is file (ARGUMENT: the file with
# its contents), link (ARGUMENT: its target) or none.

# want CLASS PATH: plans a file; $want is where its contents go.
want() {
	WANTED=$((WANTED + 1))
	want=$WORK/want.$WANTED
	true >"$want" && printf '%s file %s %s\n' "$1" "$want" "$2" >>"$WORK/plan"
}
want_copy() { printf '%s file %s %s\n' "$1" "$3" "$2" >>"$WORK/plan"; }
want_link() { printf '%s link %s %s\n' "$1" "$3" "$2" >>"$WORK/plan"; }
want_none() { printf '%s none - %s\n' "$1" "$2" >>"$WORK/plan"; }

# look PATH…: what is there, a line each: "SHA-256  PATH" of a file, "link TARGET PATH" of a link; and, for whoever reads this, "exists
# file PATH" and "exists link PATH": what exists and has no other line could not be looked at, which is not the same as not there.
look() {
	[ $# -gt 0 ] || return 0
	links=
	for path; do
		[ ! -f "$path" ] || echo "exists file $path"
		[ ! -L "$path" ] || { links="$links $path" && echo "exists link $path"; }
	done
	sha256sum -- "$@" 2>/dev/null
	# shellcheck disable=SC2086 # a list of paths without blanks
	[ -z "$links" ] || find $links -maxdepth 0 -type l -printf 'link %l %p\n' 2>/dev/null
	return 0
}

# compare_plan: writes to $WORK/changes what of the plan is not so: "CLASS KIND ARGUMENT OLD NEW PATH", where OLD and NEW are a
# SHA-256, link:TARGET, or - for nothing.
compare_plan() {
	[ -z "$UNWRITTEN" ] || return 1
	paths=
	# Of resolv.conf the block is looked at by itself, too: plan_written notes it.
	[ ! -e "$WORK/block" ] || paths=" $WORK/block"
	while read -r _ kind argument path; do
		paths="$paths $path"
		[ "$kind" != file ] || paths="$paths $argument"
	done <"$WORK/plan"
	# shellcheck disable=SC2086 # a list of paths without blanks
	look $paths >"$WORK/there" || return 1
	awk '
		FILENAME == ARGV[1] && $1 == "exists" { exists[$2, $3]; next }
		FILENAME == ARGV[1] { if ($1 == "link") { target[$3] = "link:" $2; next } sum[$2] = $1; next }
		(("file", $4) in exists) && !($4 in sum) || (("link", $4) in exists) && !($4 in target) { exit 1 }
		{
			old = ($4 in sum) ? sum[$4] : ($4 in target) ? target[$4] : "-"
			if ($2 == "file") new = sum[$3]
			if ($2 == "link") { new = "link:" $3; if ($4 in target) old = target[$4] }
			if ($2 == "none") { new = "-"; if ($4 in target) old = target[$4] }
			if ($2 == "file" && new == "") { exit 1 }
			if (old != new) print $1, $2, $3, old, new, $4
		}' "$WORK/there" "$WORK/plan" >"$WORK/changes"
}

# seen_sum PATH: sets $sum to the SHA-256 that the last comparison saw there. Fails where it saw no file.
seen_sum() { while read -r sum name; do [ "$name" != "$1" ] || return 0; done <"$WORK/there"; return 1; }

# lines_but NAME GREP…: writes the lines that do not match into $WORK/NAME. That there are none is no failure.
lines_but() {
	lines_to=$WORK/$1
	shift
	grep -v "$@" >"$lines_to"
	[ $? -le 1 ]
}

# changed CLASS: whether anything of that class differs.
changed() { while read -r class _; do [ "$class" != "$1" ] || return 0; done <"$WORK/changes"; return 1; }

# beside PATH SUFFIX: sets $beside to a name in the same folder that dnsmasq, NetworkManager, systemd and iproute2 do not read.
beside() { beside=${1%/*}/.${1##*/}.pod-gateway-$2; }

# The same for awk.
# shellcheck disable=SC2016 # awk's own
BESIDE='
	function beside(p, suffix,   n, part, folder) {
		n = split(p, part, "/"); folder = substr(p, 1, length(p) - length(part[n]))
		return folder "." part[n] ".pod-gateway-" suffix
	}
'
# prepare_files: lays the new file of each change beside the old one, and a second name for the old one. What there is no room for
# fails here, before anything was changed. A file of others (resolv.conf) keeps its owner, mode and labels.
prepare_files() {
	texts='' makes=''
	while read -r _ kind argument _ _ path; do
		[ -d "${path%/*}" ] || makes="$makes ${path%/*}"
		[ "$kind" != file ] || [ "$path" = "$TARGET" ] || texts="$texts $argument"
		DURABLE="$DURABLE ${path%/*}"
	done <"$WORK/changes"
	# shellcheck disable=SC2086 # a list of paths without blanks
	if [ -n "$makes" ]; then mkdir -p $makes || return 1; fi
	# One process writes all of them; an error that it does not see is seen when they are read back.
	# shellcheck disable=SC2086 # a list of paths without blanks
	if [ -n "$texts" ]; then
		awk "$BESIDE"'
			FILENAME == ARGV[1] { if ($2 == "file") { out = to[$3] = beside($6, "new"); printf "" >out; close(out); out = "" } next }
			FNR == 1 { if (out != "") if (close(out)) failed = 1; out = to[FILENAME]; printf "" >out }
			{ print >out }
			END { if (out != "") if (close(out)) failed = 1; exit failed }' "$WORK/changes" $texts || return 1
	fi
	while read -r _ kind argument old _ path; do
		if [ "$old" != - ]; then
			beside "$path" old
			ln -fP "$path" "$beside" || return 1
		fi
		beside "$path" new
		case $kind:$path in
		file:"$TARGET")
			if [ "$old" != - ]; then cp -afT --attributes-only "$path" "$beside" || return 1; fi
			cat "$argument" >"$beside" || return 1
			;;
		file:"$INSTALLED") chmod 755 "$beside" || return 1 ;;
		esac
		[ "$kind" != file ] || DURABLE="$DURABLE $beside"
	done <"$WORK/changes"
}

# put_prepared KIND ARGUMENT PATH: the new file takes the place of the old one, in one rename.
put_prepared() {
	DURABLE="$DURABLE ${3%/*}"
	case $1 in
	none) rm -f "$3" ;;
	link) ln -sfn "$2" "$3" ;;
	file)
		beside "$3" new
		mv -fT "$beside" "$3"
		;;
	esac
}

# make_durable: what was prepared or put since the last call is on disk afterwards (fsync(2) of each file and folder, once).
make_durable() {
	list=
	for path in $DURABLE; do
		case " $list " in *" $path "*) ;; *) [ ! -e "$path" ] || list="$list $path" ;; esac
	done
	DURABLE=
	# shellcheck disable=SC2086 # a list of paths without blanks
	[ -z "$list" ] || sync $list
}

# put_class CLASS: everything of the plan's changes that is of that class.
put_class() {
	while read -r class kind argument _ _ path; do
		[ "$class" != "$1" ] || put_prepared "$kind" "$argument" "$path" || { say "$path cannot be changed"; return 1; }
	done <"$WORK/changes"
	make_durable || { say 'what was written could not be brought to disk'; return 1; }
}

# put_text PATH: standard input becomes a file of ours, by itself, durably.
put_text() {
	beside "$1" new
	cat >"$beside" && rename_durably "$beside" "$1"
}
rename_durably() { sync "$1" && mv -fT "$1" "$2" && sync "${2%/*}"; }

# remove_files PATH…: durably.
remove_files() {
	[ $# -gt 0 ] || return 0
	rm -f "$@" || return 1
	for path; do DURABLE="$DURABLE ${path%/*}"; done
	make_durable
}

# remove_folders FOLDER…: those that are empty, the deepest first; the others are somebody's by now.
remove_folders() {
	[ $# -eq 0 ] || printf '%s\n' "$@" | sort -r | xargs rmdir 2>/dev/null || :
}

# --- edits of other people ---

# What of a file is ours: of resolv.conf only the block.
own_part() {
	case $1 in
	"$TARGET") sed -n "/^$BLOCK_BEGIN/,/^$BLOCK_END/p" "$1" ;;
	*) cat "$1" ;;
	esac
}

# keep_edits: an edit of a file of ours is somebody's work. Before a change takes it away, a copy is kept, and it is said where.
keep_edits() {
	notes=$WRITTEN
	[ -f "$notes" ] || notes=$STATE/written
	[ -f "$notes" ] || return 0
	while read -r class kind _ old _ path; do
		[ "$class" != state ] || continue
		case $old in -) continue ;; esac
		written=
		while read -r sum name; do [ "$name" != "$path" ] || written=$sum; done <"$notes"
		[ -n "$written" ] || continue
		now_sum=$old
		if [ "$path" = "$TARGET" ]; then
			[ -n "$(own_part "$path")" ] || continue
			now_sum=$(own_part "$path" | sha256sum | cut -d ' ' -f 1)
		fi
		[ "$now_sum" != "$written" ] || continue
		copy=$BACKUPS/${path##*/}.$(echo "$now_sum" | tr -cd 0-9a-f | cut -c 1-12)
		(umask 077 && mkdir -p "$BACKUPS") && cp -a "$path" "$copy" && sync "$copy" "$BACKUPS" || return 1
		say "$path was edited since pod-gateway wrote it: kept as $copy"
	done <"$WORK/changes"
}

# difference KIND ARGUMENT PATH: the lines by which the file will differ, as a patch.
difference() {
	old=$3
	[ -f "$old" ] || old=/dev/null
	if [ "$1" = none ]; then
		echo "- file $3"
	elif [ "$1" = link ] || [ "$3" = $INSTALLED ] || ! command -v diff >/dev/null; then
		echo "~ file $3"
	else
		diff -u --label "$old" --label "$3" "$old" "$2"
	fi
}

# --- names: who decides what resolv.conf says, and what each of them is told ---

# Each owner has a file of its own in dns/, which answers the same verbs:
#   OWNER_fits      refuses, with a way out, where this owner would not do here what it says
#   OWNER_plan      plans the files that it reads, from ZONES, NAMESERVERS, SEARCHES and $WORK/names
#   OWNER_unwanted  plans that none of these is there
#   OWNER_service   sets $unit to the one that has to read them anew; empty where there is none
#   OWNER_reload    makes it read them; with "undo", also where an earlier try left the service dead
#   OWNER_drift     prints what, beside files, is not as it is to be, and OWNER_mend puts that right
#   OWNER_release   takes back what, beside files, was done
#   OWNER_shared    whether it can keep several stacks' names apart
OWNERS='resolved networkmanager dnsmasq resolvconf none'

# active UNIT: whether it runs. All that this script asks of is asked for at once, and remembered until ACTIVE is emptied.
ACTIVE=
see_units() {
	ACTIVE=' '
	# shellcheck disable=SC2086 # a list of units
	set -- systemd-resolved NetworkManager dnsmasq $UNITS
	for state in $(systemctl is-active "$@" 2>/dev/null); do
		[ "$state" != active ] || ACTIVE="$ACTIVE${1:-} "
		[ $# -eq 0 ] || shift
	done
	[ $# -eq 0 ] || cannot 'systemd does not say which services run (systemctl is-active)'
}
active() {
	[ -n "$ACTIVE" ] || see_units
	case $ACTIVE in *" $1 "*) ;; *) return 1 ;; esac
}
lies_in() { case $1 in "$2"/*) ;; *) return 1 ;; esac }
# Who owns resolv.conf is made out by the shell alone: a command that fails is not an answer.
# names ADDRESS: whether resolv.conf, without our block, has that nameserver.
names() {
	[ -r $RESOLV_CONF ] || return 1
	looked_for=$1
	in_block=
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		"$BLOCK_BEGIN"*) in_block=1 ;;
		"$BLOCK_END"*) in_block= ;;
		esac
		[ -z "$in_block" ] || continue
		set -f
		# shellcheck disable=SC2086 # words
		set -- ${line#"$HELD_BACK"}
		set +f
		[ "${1:-}" != nameserver ] || [ "${2:-}" != "$looked_for" ] || return 0
	done <$RESOLV_CONF
	return 1
}

# The decision table (cf. Tailscale's net/dns/manager_linux.go) sets $owner: by who runs, where the link leads and what the file
# says. What we wrote ourselves does not count, so that it can be asked at any time. Split DNS where the owner can do it.
dns_owner() {
	link=$TARGET
	# Why it cannot tell is not for /dev/null.
	[ -n "$ACTIVE" ] || see_units
	if active systemd-resolved && { lies_in "$link" /run/systemd/resolve || names 127.0.0.53 || names 127.0.0.54; }; then
		owner=resolved
	elif active NetworkManager && { lies_in "$link" /run/NetworkManager || networkmanager_wrote; }; then
		owner=networkmanager
	elif active dnsmasq && { names 127.0.0.1 || names 127.0.1.1 || names ::1; }; then
		owner=dnsmasq
	else
		owner=resolvconf
	fi 2>/dev/null
}

# dns_method: sets $method to the method to use for $METHOD ("auto", or what the settings force).
dns_method() {
	method=$METHOD
	if [ "$method" = auto ]; then dns_owner && method=$owner; fi
}

# A second stack's names go where they can be kept apart from the first one's.
guard_names() {
	"${method}_fits"
	[ "$method" != none ] || return 0
	for file in $OTHERS; do
		value_of stack "$file"
		other=$value
		stack_folder "$other"
		[ -f "$folder/method" ] || folder=$STATE
		other_method=
		[ ! -f "$folder/method" ] || read -r other_method <"$folder/method" || :
		case $other_method in '' | none) continue ;; esac
		[ "$other_method" = "$method" ] ||
			refuse "the stack $other has its names here by $other_method, this one by $method; set dns.method to $other_method or none"
		"${method}_shared" ||
			refuse "the stack $other has its names here by $method, which cannot keep two clusters' names apart;" \
				"set dns.method to none for this server in the stack $STACK, or take $other off it"
	done
	[ -n "$OTHERS" ] || return 0
	awk -v mine="$STACK" '
		$1 != "domain" && $1 != "reverse-zone" { next }
		$2 == mine { own[$3] = 1; next }
		{ other[$3] = $2 }
		END { for (zone in own) if (zone in other) print "the zone " zone " is also that of the stack " other[zone] }
	' "$WORK/names" >"$WORK/problems" || refuse 'the zones of the stacks could not be compared (awk failed)'
	[ ! -s "$WORK/problems" ] || refuse "$(cat "$WORK/problems")"
}

# plan_names: every owner's files, of which those of $server_method are wanted.
plan_names() {
	for owner in $OWNERS; do
		if [ "$owner" = "$server_method" ]; then "${owner}_plan"; else "${owner}_unwanted"; fi || return 1
	done
}

# reload_service UNIT [undo]: has a service read its files anew, if it runs, within a time limit, and without the lock, which a
# command that hangs would keep. One that we ourselves left dead is started by an undo.
reload_service() {
	verb=try-restart
	if [ -n "${2:-}" ]; then
		verb=restart
		timeout 5 systemctl reset-failed "$1" 2>/dev/null 9>&-
	fi
	timeout -k 2 $RELOAD_LIMIT systemctl "$verb" "$1" >&2 9>&- ||
		{ say "$1 did not take its configuration within $RELOAD_LIMIT s (systemctl status $1)"; return 1; }
}

# --- names: dnsmasq ---

DNSMASQ_FILE=/etc/dnsmasq.d/pod-gateway.conf

dnsmasq_fits() {
	active dnsmasq || refuse 'dns.method is dnsmasq, but dnsmasq does not run here'
	[ -d "${DNSMASQ_FILE%/*}" ] ||
		refuse "dnsmasq has no folder ${DNSMASQ_FILE%/*} here; set dns.method to resolvconf or none"
	dnsmasq_reads_folder ||
		refuse "dnsmasq does not read ${DNSMASQ_FILE%/*}: neither its command line nor /etc/dnsmasq.conf names that folder;" \
			"add conf-dir=${DNSMASQ_FILE%/*},*.conf to /etc/dnsmasq.conf, or set dns.method to resolvconf or none"
}

# Its folder is an option, which Debian gives on the command line and others in the file.
dnsmasq_reads_folder() {
	! grep -qs "^[[:blank:]]*conf-dir[[:blank:]]*=[[:blank:]]*${DNSMASQ_FILE%/*}" /etc/dnsmasq.conf || return 0
	pid=$(systemctl show -p MainPID --value dnsmasq 2>/dev/null)
	[ "${pid:-0}" -gt 0 ] && [ -r "/proc/$pid/cmdline" ] || return 1
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q "${DNSMASQ_FILE%/*}"
}

dnsmasq_plan() {
	want names $DNSMASQ_FILE
	{ header && dnsmasq_lines; } >"$want"
}
# Each zone with the nameservers of its own stack. dnsmasq answers reverse queries for private ranges by itself unless told where
# they live, and throws private answers away where stop-dns-rebind is set and the zone is not exempt.
dnsmasq_lines() {
	awk '
		$1 == "nameserver" { servers[$2] = servers[$2] " " $3 }
		$1 == "domain" || $1 == "reverse-zone" { zone[++n] = $3; stack[n] = $2 }
		END {
			for (i = 1; i <= n; i++) {
				count = split(servers[stack[i]], server, " ")
				for (j = 1; j <= count; j++) print "server=/" zone[i] "/" server[j]
				print "rebind-domain-ok=/" zone[i] "/"
			}
		}' "$WORK/names"
}
dnsmasq_unwanted() { want_none names $DNSMASQ_FILE; }
dnsmasq_service() { unit=dnsmasq; }
dnsmasq_reload() { reload_service dnsmasq "${1:-}"; }
dnsmasq_drift() { :; }
dnsmasq_mend() { :; }
dnsmasq_release() { :; }
dnsmasq_shared() { :; }

# --- names: NetworkManager, with dnsmasq as its resolver where that is installed ---

NM_FILE=/etc/NetworkManager/conf.d/90-pod-gateway.conf
NM_DNSMASQ_FILE=/etc/NetworkManager/dnsmasq.d/pod-gateway.conf

# Whether it decides what the file says: it may have written it once and be told to leave it alone since (dns=none, or an
# rc-manager that does not write). Our own drop-in does not count.
networkmanager_wrote() {
	[ -r $RESOLV_CONF ] || return 1
	generated=
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in '# Generated by NetworkManager'*) generated=1 ;; esac
	done <$RESOLV_CONF
	[ -n "$generated" ] && ! networkmanager_lets_be
}
networkmanager_lets_be() {
	for file in /etc/NetworkManager/NetworkManager.conf /run/NetworkManager/conf.d/*.conf /usr/lib/NetworkManager/conf.d/*.conf \
		/etc/NetworkManager/conf.d/*.conf; do
		[ -r "$file" ] || continue
		section=
		while read -r line || [ -n "$line" ]; do
			case $line in
			'['*) section=$line ;;
			dns=none | dns=none' '* | 'dns = none'* | rc-manager=unmanaged* | 'rc-manager = unmanaged'*)
				[ "$section" != '[main]' ] || return 0
				;;
			esac
		done <"$file"
	done
	return 1
}

networkmanager_fits() {
	active NetworkManager || refuse 'dns.method is networkmanager, but NetworkManager does not run here'
	! networkmanager_lets_be ||
		refuse "dns.method is networkmanager, but NetworkManager is told to leave $RESOLV_CONF alone (dns=none or" \
			"rc-manager=unmanaged); set dns.method to auto, resolvconf or none"
	if networkmanager_splits; then
		said=$(timeout 5 dnsmasq --version 2>&1 9>&-) ||
			refuse "NetworkManager would start the dnsmasq that is here, and it does not run: $said;" \
				"mend or remove it, or set dns.method to none"
	fi
}
networkmanager_splits() { command -v dnsmasq >/dev/null 2>&1; }

networkmanager_plan() {
	want names $NM_FILE
	if networkmanager_splits; then
		{ header && printf '[main]\ndns=dnsmasq\n'; } >"$want"
		want names $NM_DNSMASQ_FILE
		{ header && dnsmasq_lines; } >"$want"
	else
		networkmanager_list >"$want" && want_none names $NM_DNSMASQ_FILE
	fi
}
# Where it has no splitting resolver: the cluster's nameserver goes first, the ones in force now follow, three in all.
networkmanager_list() {
	header
	printf '[global-dns]\noptions=timeout:1,attempts:2\n'
	[ -z "$SEARCHES" ] ||
		echo "searches=$({ sed -n 's/^search //p' $RESOLV_CONF && echo "$SEARCHES"; } | tr ' ' '\n' | awk '!seen[$0]++' | join ,)"
	printf '[global-dns-domain-*]\n'
	# shellcheck disable=SC2086 # a list of addresses
	echo "servers=$({ printf '%s\n' $NAMESERVERS | head -n 2 && sed -n 's/^nameserver //p' $RESOLV_CONF; } |
		awk '!seen[$0]++' | head -n 3 | join ,)"
}
networkmanager_unwanted() { want_none names $NM_FILE && want_none names $NM_DNSMASQ_FILE; }
networkmanager_service() { unit=NetworkManager; }
# A reload is enough, and leaves its connections alone.
networkmanager_reload() {
	[ -n "${1:-}" ] || active NetworkManager || return 0
	timeout -k 2 $RELOAD_LIMIT systemctl reload NetworkManager >&2 9>&- ||
		{ say "NetworkManager did not take its configuration within $RELOAD_LIMIT s"; return 1; }
}
networkmanager_drift() { :; }
networkmanager_mend() { :; }
networkmanager_release() { :; }
networkmanager_shared() { networkmanager_splits; }

# --- names: nobody; the settings say that names are not asked for ---

none_fits() { :; }
none_plan() { :; }
none_unwanted() { :; }
none_service() { unit=; }
none_reload() { :; }
none_drift() { :; }
none_mend() { :; }
none_release() { :; }
none_shared() { :; }

# --- names: a plain resolv.conf, whoever writes it. It cannot split: the cluster's nameserver comes first ---

resolvconf_fits() {
	if lies_in "$TARGET" /run/systemd/resolve; then
		refuse "$RESOLV_CONF is a file of systemd-resolved's own ($TARGET); start systemd-resolved and set dns.method to auto," \
			"replace the link by a file, or set dns.method to none"
	fi
	# glibc would not read the file, and systemd-resolved takes its nameservers for equals: whichever answered last is asked next.
	if active systemd-resolved && grep -qs '^hosts:.*resolve' /etc/nsswitch.conf; then
		refuse "programs ask systemd-resolved here (resolve in /etc/nsswitch.conf), whatever $RESOLV_CONF says; link that to" \
			"/run/systemd/resolve/stub-resolv.conf and set dns.method to auto, take resolve out of nsswitch.conf, or set dns.method to none"
	fi
	# SLES: what somebody changed is left as it is from then on (netconfig(8)).
	if lies_in "$TARGET" /run/netconfig || grep -qs 'autogenerated by netconfig' "$TARGET"; then
		say "warning: netconfig leaves $RESOLV_CONF alone once it was changed, so that the nameservers of a new lease do not arrive: run" \
			"netconfig update -f then; or set dns.method to none, and the cluster's nameserver in NETCONFIG_DNS_STATIC_SERVERS"
	fi
}

resolvconf_plan() {
	want names "$TARGET"
	true >"$WORK/base" && { [ ! -e "$TARGET" ] || without_block "$TARGET" >"$WORK/base"; } && with_block "$WORK/base" >"$want"
}
resolvconf_unwanted() {
	[ -e "$TARGET" ] || return 0
	begin=$(sed -n "/^$BLOCK_BEGIN/{p;q;}" "$TARGET") || return 1
	[ -n "$begin" ] || return 0
	without_block "$TARGET" >"$WORK/base" || return 1
	# Where there was no file before us there is none after us, unless somebody has put something into it since.
	if { [ -e "$ABSENT" ] || [ -e "$STATE/resolv.conf.absent" ]; } && [ ! -s "$WORK/base" ]; then
		want_none names "$TARGET"
	else
		want names "$TARGET" && cat "$WORK/base" >"$want"
	fi
}
resolvconf_service() { unit=; }
resolvconf_reload() { :; }
resolvconf_drift() { :; }
resolvconf_mend() { :; }
resolvconf_release() { :; }
resolvconf_shared() { return 1; }

# with_block FILE: the file's lines with our block before them, which $WORK/block has alone; lines that would get in its way are held
# back behind a mark. Of nameservers glibc reads three, of search lists the last; options add up (resolv.conf(5)). A rotation would
# ask the public nameservers for the cluster's names.
with_block() {
	case $ALL in *' '*) of="stacks $ALL" ;; *) of="stack $ALL" ;; esac
	begin="$BLOCK_BEGIN: written by pod-gateway ($of); undo with: $INSTALLED restore"
	awk -v held="$HELD_BACK" -v begin="$begin" -v end="$BLOCK_END" -v block="$WORK/block" -v servers="$NAMESERVERS" -v searches="$SEARCHES" '
		function put(text) { print text; print text >block }
		{ line[NR] = $0 }
		/^options[ \t]/ { for (i = 2; i <= NF; i++) if ($i !~ /^(timeout:.*|attempts:.*|rotate)$/) options = options $i " " }
		/^(search|domain)[ \t]/ { first = $0; sub(/^[a-z]+[ \t]+/, "", first) }
		END {
			put(begin)
			n = split(servers, server, " "); if (n > 2) n = 2
			for (i = 1; i <= n; i++) put("nameserver " server[i])
			put("options " options "timeout:1 attempts:2")
			if (searches != "") {
				count = split(first " " searches, word, /[ \t]+/); list = ""
				for (i = 1; i <= count; i++) if (word[i] != "" && !seen[word[i]]++) list = list " " word[i]
				put("search" list)
			}
			put(end)
			if (close(block)) exit 1
			for (i = 1; i <= NR; i++) {
				hold = line[i] ~ /^options[ \t]/ || (searches != "" && line[i] ~ /^(search|domain)[ \t]/)
				if (line[i] ~ /^nameserver[ \t]/ && ++kept > 3 - n) hold = 1
				printf "%s%s", (hold ? held : "") line[i], (i < NR ? "\n" : "")
			}
		}' "$1" || return 1
	# The last line ends as it did.
	[ -s "$1" ] || return 0
	scan "$1" && { [ -n "$CUT" ] || echo; }
}

# scan FILE: sets ENDED where a line ends our block, and CUT where the last line has no newline.
scan() {
	ENDED='' CUT=''
	while IFS= read -r line || { [ -n "$line" ] && CUT=1; }; do
		case $line in "$BLOCK_END"*) ENDED=1 ;; esac
	done <"$1"
}

# without_block FILE: the very bytes that were there before. A block whose end somebody took away has no known end: its lines stay.
without_block() {
	scan "$1" || return 1
	sed "${ENDED:+/^$BLOCK_BEGIN/,/^$BLOCK_END/d;}s/^$HELD_BACK//" "$1"
}

# --- names: systemd-resolved ---

RESOLVED_FILE=/etc/systemd/resolved.conf.d/pod-gateway.conf

resolved_fits() {
	active systemd-resolved || refuse 'dns.method is resolved, but systemd-resolved does not run here'
	# Its global nameservers are one list of equals: each would be asked for the cluster's names and for all others.
	ours=" $NAMESERVERS $(sed -n 's/^DNS=//p' $RESOLVED_FILE 2>/dev/null) "
	others=
	# That it runs does not mean that it can be asked: its client may be another package, or D-Bus be gone.
	said=$(timeout 5 resolvectl dns 2>&1 9>&-) ||
		refuse "systemd-resolved runs here and cannot be asked (resolvectl dns: ${said:-no answer within 5 s});" \
			"mend that, or set dns.method to none"
	for server in $(printf '%s\n' "$said" | sed -n 's/^Global: *//p'); do
		server=${server%%[#%]*}
		case $ours in *" $server "*) continue ;; esac
		# What resolv.conf said before it became a link to a file of its own is forgotten at the next start.
		! lies_in "$TARGET" /run/systemd/resolve || resolved_is_told "$server" || continue
		others="$others $server"
	done
	[ -z "$others" ] ||
		refuse "systemd-resolved has global nameservers (${others# }), from which it cannot keep the cluster's apart;" \
			"give them to a link (DNS= in its .network file, nameservers in netplan), or set dns.method to resolvconf or none"
	# Who owns resolv.conf is not who resolves: glibc would ask the nameservers of this list in turn, the cluster's first.
	if lies_in "$(readlink -f $RESOLV_CONF)" /run/systemd/resolve && ! names 127.0.0.53 && ! names 127.0.0.54 &&
		! grep -q '^hosts:.*resolve' /etc/nsswitch.conf 2>/dev/null; then
		refuse "$RESOLV_CONF leads to systemd-resolved's list of nameservers and not to its stub, so that programs ask past it;" \
			"link it to /run/systemd/resolve/stub-resolv.conf, or set dns.method to none"
	fi
}

resolved_is_told() {
	cat /etc/systemd/resolved.conf /etc/systemd/resolved.conf.d/*.conf /run/systemd/resolved.conf.d/*.conf \
		/usr/lib/systemd/resolved.conf.d/*.conf 2>/dev/null | grep "^[[:blank:]]*DNS[[:blank:]]*=" | grep -qF "$1"
}

resolved_plan() {
	want names $RESOLVED_FILE
	routing=
	for zone in $ZONES; do routing="$routing ~$zone"; done
	domains="$SEARCHES$routing"
	[ -n "$SEARCHES" ] || domains=${domains# }
	{ header && printf '[Resolve]\nDNS=%s\nDomains=%s\n' "$NAMESERVERS" "$domains"; } >"$want"
}
resolved_unwanted() { want_none names $RESOLVED_FILE; }
resolved_service() { unit=systemd-resolved; }
resolved_reload() {
	reload_service systemd-resolved "${1:-}" || return 1
	[ ! -e $RESOLVED_FILE ] || resolved_mend
}
resolved_shared() { return 1; }

# systemd-resolved asks its global nameservers, where ours have to be, beside those of links for every name that no domain claims;
# a dead gateway would then hold up every «no such name». So links with nameservers claim all names (the routing domain ~.), and
# the cluster's own domains, being longer, still come to us (resolvectl(1), systemd-resolved.service(8)).
resolved_drift() {
	unclaimed_links | sed 's/ .*//;s/.*/~ link &: its nameservers are asked for every name but those of the cluster/'
}

# unclaimed_links: a line each, with the domains that it has: "LINK DOMAIN…". Where a link that we did not claim claims all names, as a
# VPN does that takes every name, there is none: our global nameservers are not asked for them then, and to claim another link, too,
# would send the VPN's names there. With "ours" as the argument: the links that we claimed, where such a VPN is up.
unclaimed_links() {
	claimed_links=
	if [ -s "$LINKS" ]; then while read -r link _; do claimed_links="$claimed_links $link"; done <"$LINKS"; fi
	{
		timeout 5 resolvectl dns && echo next && timeout 5 resolvectl default-route && echo next && timeout 5 resolvectl domain
	} 2>/dev/null 9>&- | awk -v ours="$claimed_links" -v which="${1:-}" '
		BEGIN { count = split(ours, list, " "); for (i = 1; i <= count; i++) own[list[i]] }
		/^next$/ { part++; link = ""; next }
		/^Link [0-9]+ \(/ { link = $3; gsub(/[():]/, "", link); sub(/^Link [0-9]+ \([^)]*\):? */, "") }
		/^Global/ { link = ""; next }
		link == "" || $0 == "" { next }
		part == 0 { sub(/^ */, ""); if ($0 != "" && !has[link]++) order[++n] = link }
		part == 1 { if ($0 ~ /yes/) routes[link] = 1 }
		part == 2 { for (i = 1; i <= NF; i++) { domains[link] = domains[link] " " $i; if ($i == "~.") claimed[link] = 1 } }
		END {
			for (link in claimed) if (!(link in own)) foreign = 1
			if (which == "ours") { for (link in claimed) if (foreign && (link in own)) print link; exit }
			for (i = 1; i <= n; i++) if (routes[order[i]] && !claimed[order[i]] && !foreign) print order[i] domains[order[i]]
		}'
}

# Which links we claimed is noted before it is done; their other domains are not, as people change them.
resolved_mend() {
	unclaimed_links ours >"$WORK/overclaimed" || return 1
	[ ! -s "$WORK/overclaimed" ] || resolved_release '' "$WORK/overclaimed"
	unclaimed_links >"$WORK/unclaimed" || return 1
	[ -s "$WORK/unclaimed" ] || return 0
	{ cat "$LINKS" "$WORK/unclaimed" 2>/dev/null | sed 's/ .*//' | sort -u; } >"$WORK/links" && put_text "$LINKS" <"$WORK/links" || return 1
	while read -r link domains; do
		# shellcheck disable=SC2086 # a list of domains
		timeout 5 resolvectl domain "$link" $domains '~.' 9>&- || say "the domains of the link $link could not be set"
	done <"$WORK/unclaimed"
}

# resolved_release [KEPT [OF]]: links that we claimed (or those that the file OF lists) no longer claim all names, except those that the
# file KEPT lists.
resolved_release() {
	[ -s "${2:-$LINKS}" ] || return 0
	runs=
	! timeout 5 systemctl is-active systemd-resolved >/dev/null 2>&1 9>&- || runs=1
	while read -r link _; do
		if [ -n "${1:-}" ] && grep -qxF "$link" "$1"; then continue; fi
		[ -n "$runs" ] || { forget_claim "$link" && continue; }
		claimed='' kept=''
		for domain in $(timeout 5 resolvectl domain "$link" 2>/dev/null 9>&- | sed 's/^Link [^:]*: *//'); do
			if [ "$domain" = '~.' ]; then claimed=1; else kept="$kept $domain"; fi
		done
		# shellcheck disable=SC2086 # a list of domains; an empty one is said by an empty word
		[ -z "$claimed" ] || timeout 5 resolvectl domain "$link" ${kept:-''} 2>/dev/null 9>&-
	done <"${2:-$LINKS}"
	return 0
}

# forget_claim LINK: the same while systemd-resolved does not run, which a question to it would start. What was set on a link waits for
# its next start: with systemd-networkd, where that manages the link, and else in a file.
forget_claim() {
	read -r index 2>/dev/null <"/sys/class/net/$1/ifindex" || return 0
	timeout 5 busctl --auto-start=no call org.freedesktop.network1 /org/freedesktop/network1 org.freedesktop.network1.Manager \
		SetLinkDomains 'ia(sb)' "$index" 0 >/dev/null 2>&1 9>&-
	[ ! -e "/run/systemd/resolve/netif/$index" ] || sed -i '/^DOMAINS=/s/~\.//' "/run/systemd/resolve/netif/$index"
	return 0
}

# --- what makes it last: systemd-networkd, NetworkManager and ifupdown all flush foreign routes at some point ---

PROTOCOL_FILE=/etc/iproute2/rt_protos.d/pod-gateway.conf
UNIT_FOLDER=/etc/systemd/system
SERVICE_FILE=$UNIT_FOLDER/pod-gateway.service
TIMER_FILE=$UNIT_FOLDER/pod-gateway.timer
PATH_FILE=$UNIT_FOLDER/pod-gateway.path
SERVICE_LINK=$UNIT_FOLDER/multi-user.target.wants/pod-gateway.service
TIMER_LINK=$UNIT_FOLDER/timers.target.wants/pod-gateway.timer
PATH_LINK=$UNIT_FOLDER/paths.target.wants/pod-gateway.path
UNITS='pod-gateway.timer pod-gateway.path'

# The script is run by sh, as the upload is: where only known programs may be run, both may or neither.
service_unit() {
	header
	printf '%s\n' '[Unit]' \
		'Description=Routes and nameserver of the Kubernetes cluster behind pod-gateway' \
		'After=network.target' \
		'StartLimitIntervalSec=0' \
		'[Service]' \
		'Type=oneshot' \
		"ExecStart=/bin/sh $INSTALLED reapply" \
		'TimeoutStartSec=90' \
		'# Runs every few seconds: only warnings belong in the journal.' \
		'LogLevelMax=notice' \
		'[Install]' \
		'WantedBy=multi-user.target'
}

timer_unit() {
	header
	printf '%s\n' '[Unit]' \
		'Description=Put back routes and nameserver of pod-gateway when something took them away' \
		'[Timer]' \
		'OnBootSec=5' \
		'OnUnitInactiveSec=15' \
		'AccuracySec=1' \
		'[Install]' \
		'WantedBy=timers.target'
}

# DHCP clients write resolv.conf anew at every renewal; names are not to be gone until the timer comes.
path_unit() {
	header
	printf '%s\n' '[Unit]' \
		'Description=Put back the nameserver of pod-gateway when something wrote resolv.conf anew' \
		'[Path]' \
		"PathChanged=$RESOLV_CONF" \
		'Unit=pod-gateway.service' \
		'[Install]' \
		'WantedBy=paths.target'
}

# plan_recovery: what has to be on disk before the first change, and goes last: the script itself, and the units that run it. Links
# enable them, as systemctl(1) would: so an undo has them back as it has files.
plan_recovery() {
	want_copy tool $INSTALLED "$SELF" &&
		want recovery $SERVICE_FILE && service_unit >"$want" &&
		want recovery $TIMER_FILE && timer_unit >"$want" &&
		want recovery $PATH_FILE && path_unit >"$want" &&
		want_link recovery $SERVICE_LINK $SERVICE_FILE &&
		want_link recovery $TIMER_LINK $TIMER_FILE &&
		want_link recovery $PATH_LINK $PATH_FILE &&
		want recovery $PROTOCOL_FILE && printf '%s\tpod-gateway\n' $PROTOCOL >"$want"
}
plan_no_recovery() {
	for path in $PROTOCOL_FILE $PATH_LINK $TIMER_LINK $PATH_FILE $TIMER_FILE $SERVICE_LINK $SERVICE_FILE; do
		want_none recovery "$path"
	done
	want_none tool $INSTALLED
}

reload_units() { timeout -k 2 $RELOAD_LIMIT systemctl daemon-reload 9>&-; }

units_run() { for unit in $UNITS; do active "$unit" || return 1; done; }

# arm: from here on this machine undoes the change by itself, whenever it is switched off.
arm() {
	{ put_class tool && put_class recovery; } || return 1
	if changed recovery; then
		reload_units || return 1
	else
		ACTIVE=
		! units_run || return 0
	fi
	# shellcheck disable=SC2086 # a list of units
	timeout -k 2 $RELOAD_LIMIT systemctl start $UNITS 9>&-
}

# stop_units: only those that start the service; what runs in the service must not end itself.
stop_units() {
	# shellcheck disable=SC2086 # a list of units
	timeout -k 2 $RELOAD_LIMIT systemctl stop $UNITS 2>/dev/null 9>&-
	# systemd remembers a failed service, also when its file is gone.
	timeout -k 2 $RELOAD_LIMIT systemctl reset-failed pod-gateway.service 2>/dev/null 9>&- || :
}

# --- the transaction: what was before, and the way back to it ---

# take_lock SECONDS: the code is $BUSY where another run holds it, and another one where it cannot be taken.
# The file may be removed by the run that held it; then there is a new one.
take_lock() {
	[ -d $RUN ] || mkdir -m 700 $RUN 2>/dev/null
	[ -d $RUN ] && [ ! -L $RUN ] && [ -O $RUN ] || return 1
	while :; do
		true >>$LOCK || return 1
		exec 9>>$LOCK
		flock -E $BUSY -w "$1" 9 || return
		# shellcheck disable=SC3013 # dash and bash have it, and no tool could tell of this very process
		if [ $LOCK -ef /dev/fd/9 ]; then break; fi
	done
	[ -e $OLD_LOCK ] && is_old_layout || return 0
	exec 8>>$OLD_LOCK
	flock -E $BUSY -w "$1" 8
}

# snapshot VERB: writes down what is before and lays everything ready, so that the change is renames, and the undo is too. Fails
# where there is no room for it.
snapshot() {
	[ -d "$STATE" ] || mkdir "$STATE" || return 1
	{
		read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || boot=unknown
		printf 'pod-gateway-journal 1\nverb %s\nstack %s\nboot %s\nby %s\n' "$1" "$STACK" "$boot" "$BY"
		for owner in $OWNERS; do
			case " $server_method $previous_method " in *" $owner "*) ;; *) continue ;; esac
			"${owner}_service"
			[ -z "$unit" ] || ! active "$unit" || echo "owner $owner"
		done
		MADE=' '
		while read -r class kind _ old new path; do
			printf 'entry %s %s %s %s %s\n' "$class" "$kind" "$old" "$new" "$path"
			missing_folders "${path%/*}"
		done <"$WORK/changes"
		[ ! -e "$LINKS" ] || sed 's/^/claimed /' "$LINKS" || return 1
		[ ! -e "$STATE/links" ] || sed 's/^\([^ ]*\).*/claimed \1/' "$STATE/links" || return 1
		[ ! -s "$WORK/routes.before" ] || sed 's/^/route /' "$WORK/routes.before"
	} >"$WORK/journal" || return 1
	# What another run left is not known to have left the resolver alone; this one has, so far.
	UNFINISHED=1 NAMES_UNTOUCHED=1
	[ -z "$UNWRITTEN" ] && seal_journal && prepare_files && make_durable
}
# missing_folders FOLDER: a line each, the outer ones first, of those that are not in $MADE yet.
missing_folders() {
	[ ! -d "$1" ] || return 0
	case $MADE in *" $1 "*) return 0 ;; esac
	missing_folders "${1%/*}"
	MADE="$MADE$1 "
	echo "folder $1"
}

seal_journal() {
	sum=$(sha256sum <"$WORK/journal") || return 1
	beside "$PENDING" new
	{ cat "$WORK/journal" && echo "end ${sum%% *}"; } >"$beside" && rename_durably "$beside" "$PENDING"
}

# read_journal: into $WORK/journal, without its seal, $WORK/entries and $WORK/routes.before. A damaged one is not used.
read_journal() {
	sed '$d' "$PENDING" >"$WORK/journal" && sum=$(sha256sum <"$WORK/journal") || return 1
	[ "$(tail -n 1 "$PENDING")" = "end ${sum%% *}" ] || return 1
	sed -n 's/^entry //p' "$WORK/journal" >"$WORK/entries" && sed -n 's/^route //p' "$WORK/journal" >"$WORK/routes.before" &&
		sed -n 's/^claimed //p' "$WORK/journal" >"$WORK/claimed"
}
journal_field() { sed -n "s/^$1 //p" "$WORK/journal"; }

# undo: takes the machine back to what the journal says. Does all that can be done, then compares; what is missing is in
# $WORK/missing, and the journal and everything that repairs stay. May be repeated.
undo() {
	# Where /run is full, not even what is missing can be written down: that is no success, either.
	UNDO_FAILED='' UNWRITTEN=''
	true >"$WORK/missing" || UNDO_FAILED=1
	if [ ! -e "$PENDING" ]; then
		sweep || echo 'temporary files cannot be removed' >>"$WORK/missing"
		remove_folders "$STATE"
		committed_stacks
		[ -n "$COMMITTED" ] || [ ! -d "$STATE" ] || echo "the folder $STATE cannot be removed" >>"$WORK/missing"
		nothing_missing
		return
	fi
	if ! read_journal; then
		echo "the journal $PENDING cannot be read, so nothing was put back" >>"$WORK/missing"
		return 1
	fi
	resolved_release "$WORK/claimed"
	undo_files names state
	read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || boot=unknown
	# Routes are gone with the system that had them; those that are desired come back by themselves.
	if [ "$(journal_field boot)" = "$boot" ] && ! set_routes_back "$WORK/routes.before"; then
		comm -3 "$WORK/routes.before" "$WORK/routes.now" |
			sed 's/^\t/still there: route /;t;s/^/not there: route /' >>"$WORK/missing"
	fi
	if [ -z "$NAMES_UNTOUCHED" ]; then
		for owner in $(journal_field owner); do
			"${owner}_service"
			"${owner}_reload" undo || echo "$unit did not start with its configuration" >>"$WORK/missing"
		done
	fi
	if [ -s "$WORK/claimed" ]; then put_text "$LINKS" <"$WORK/claimed" && resolved_mend; else rm -f "$LINKS"; fi
	compare_undone names state
	nothing_missing || return 1
	# What repairs goes last, when there is nothing more to repair.
	see_repairs || return 1
	if [ -n "$repairs" ]; then
		[ -z "$new_timer" ] || stop_units
		undo_files recovery
		reload_units || echo 'systemd did not read its units anew (systemctl daemon-reload)' >>"$WORK/missing"
		compare_undone recovery
		nothing_missing || return 1
		# Last of all what the units run.
		undo_files tool
		compare_undone tool
	fi
	nothing_missing || return 1
	if ! finish; then
		echo "the journal $PENDING cannot be put away" >>"$WORK/missing"
		return 1
	fi
	# shellcheck disable=SC2046 # a list of paths without blanks
	remove_folders $(journal_field folder) "$STATE"
}

# see_repairs: sets $repairs where entries are of what repairs, and $new_timer where its timer was not there before. By the shell
# alone: a command that fails is not an answer.
see_repairs() {
	repairs='' new_timer=''
	while read -r class _ old rest; do
		case $class in recovery | tool) repairs=1 ;; esac
		case "$class $old $rest" in "recovery - "*" $TIMER_FILE") new_timer=1 ;; esac
	done <"$WORK/entries" || echo 'the entries of the journal cannot be read' >>"$WORK/missing"
	nothing_missing
}

nothing_missing() { [ -z "$UNDO_FAILED$UNWRITTEN" ] && [ ! -s "$WORK/missing" ]; }

# undo_files CLASS…
undo_files() {
	look_at_entries "$@" || {
		UNDO_FAILED=1
		return
	}
	if ! awk -v resolv="$TARGET" "$UNDO"'
		{
			if (is(path, old) || is(path, also[path])) next
			aside = beside(path, "old")
			kept = is(aside, old) || is(aside, also[path])
			# Somebody else wrote resolv.conf since: another text, or the same as we did when what was before had its place back.
			if (path == resolv && (!is(path, new) || (old != "-" && !kept))) print "strip", path, aside
			else if (old == "-") print "remove", path, aside
			else if (kept) print "back", path, aside
		}' "$WORK/journal" "$WORK/there" "$WORK/chosen" >"$WORK/steps"; then
		UNDO_FAILED=1
		return
	fi
	while read -r step path aside; do
		DURABLE="$DURABLE ${path%/*}"
		case $step in
		back) mv -fT "$aside" "$path" ;;
		remove) rm -f "$path" ;;
		strip) strip_block "$path" ;;
		esac
	done <"$WORK/steps"
	make_durable
}
# Somebody else has written resolv.conf since: what they wrote stays, without our block.
strip_block() {
	grep -qs "^$BLOCK_BEGIN" "$1" || return 0
	without_block "$1" >"$WORK/stripped" && beside "$1" new && cp -afT --attributes-only "$1" "$beside" &&
		cat "$WORK/stripped" >"$beside" && sync "$beside" && mv -fT "$beside" "$1"
}

# compare_undone CLASS…: what is not as it was before.
compare_undone() {
	look_at_entries "$@" || {
		UNDO_FAILED=1
		return
	}
	awk -v resolv="$TARGET" "$UNDO"'
		{ aside = beside(path, "old"); kept = old == "-" || is(aside, old) || is(aside, also[path]) }
		!is(path, old) && !is(path, also[path]) && (path != resolv || (is(path, new) && kept)) { print path " is not as it was before" }
	' "$WORK/journal" "$WORK/there" "$WORK/chosen" >"$WORK/different" || UNDO_FAILED=1
	cat "$WORK/different" >>"$WORK/missing" || UNDO_FAILED=1
	if grep -qs "^$BLOCK_BEGIN" "$TARGET" && grep -q "^names [^ ]* .* $TARGET\$" "$WORK/chosen" &&
		! grep -q " $TARGET\$" "$WORK/different" && ! look "$TARGET" | grep -qF -f "$WORK/olds"; then
		echo "$TARGET still has a block of pod-gateway's" >>"$WORK/missing"
	fi
}

look_at_entries() {
	true >"$WORK/chosen" && paths=
	while read -r class kind old new path; do
		case " $* " in *" $class "*) ;; *) continue ;; esac
		echo "$class $kind $old $new $path" >>"$WORK/chosen" || return 1
		beside "$path" old
		paths="$paths $path $beside"
	done <"$WORK/entries"
	# What resolv.conf may say after an undo, a block of the deployment before among it.
	{ sed -n "s|^entry names [^ ]* \([^ ]*\) [^ ]* $TARGET\$|\1|p;s|^also \([^ ]*\) $TARGET\$|\1|p" "$WORK/journal"; echo none; } >"$WORK/olds"
	# shellcheck disable=SC2086 # a list of paths without blanks
	look $paths >"$WORK/there"
}

# Reads the journal's "also" lines (further contents that count as before), what is there, and the chosen entries.
# shellcheck disable=SC2016 # awk's own
UNDO=$BESIDE'
	function unseen(p) { return (("file", p) in exists) && !(p in sum) || (("link", p) in exists) && !(p in target) }
	function is(p, what) {
		if (what == "") return 0
		if (what == "-") return !(p in sum) && !(p in target)
		if (what ~ /^link:/) return target[p] == what
		return (p in sum) && sum[p] == what
	}
	FILENAME == ARGV[1] { if ($1 == "also") also[$3] = $2; next }
	FILENAME == ARGV[2] && $1 == "exists" { exists[$2, $3]; next }
	FILENAME == ARGV[2] { if ($1 == "link") target[$3] = "link:" $2; else sum[$2] = $1; next }
	{ old = $3; new = $4; path = $5 }
	unseen(path) || unseen(beside(path, "old")) { exit 1 }
'

# finish: the transaction is over; this one rename is the commit.
finish() {
	mv -fT "$PENDING" "$FINISHED" || return 1
	if ! sync "$STATE"; then
		mv -fT "$FINISHED" "$PENDING"
		return 1
	fi
	UNFINISHED=
	forget_incomplete
	tidy
}
forget_incomplete() { [ ! -e "$RUN/incomplete" ] || rm -f "$RUN/incomplete"; }

# tidy: the second names of files go.
tidy() {
	[ -e "$FINISHED" ] || return 0
	leftovers=
	while read -r key _ _ _ _ path; do
		[ "$key" = entry ] || continue
		beside "$path" old && leftovers="$leftovers $beside"
		beside "$path" new && leftovers="$leftovers $beside"
	done <"$FINISHED"
	# shellcheck disable=SC2086 # a list of paths without blanks
	rm -f $leftovers "$FINISHED"
}

# sweep: temporary files that a run left behind, also those of older versions.
sweep() {
	[ ! -e "$PENDING" ] || return 0
	left=
	for folder in "${INSTALLED%/*}" "${PROTOCOL_FILE%/*}" $UNIT_FOLDER "${SERVICE_LINK%/*}" "${TIMER_LINK%/*}" "${PATH_LINK%/*}" \
		"${RESOLVED_FILE%/*}" "${NM_FILE%/*}" "${NM_DNSMASQ_FILE%/*}" "${DNSMASQ_FILE%/*}" "${TARGET%/*}" "$STATE" "$STATE"/*; do
		for path in "$folder"/.*.pod-gateway-new "$folder"/.*.pod-gateway-old; do
			[ ! -e "$path" ] && [ ! -L "$path" ] || left="$left $path"
		done
	done
	for path in $INSTALLED $PROTOCOL_FILE $SERVICE_FILE $TIMER_FILE $PATH_FILE $RESOLVED_FILE $NM_FILE $NM_DNSMASQ_FILE \
		$DNSMASQ_FILE "$TARGET"; do
		[ ! -e "$path.pod-gateway" ] || left="$left $path.pod-gateway"
	done
	# shellcheck disable=SC2086 # a list of paths without blanks
	[ -z "$left" ] || rm -f $left
}

# settle: what an earlier run left is put in order: an unfinished transaction is undone, a finished one tidied up.
settle() {
	tidy
	if [ ! -e "$PENDING" ]; then
		sweep && forget_incomplete
		# Where nothing is deployed, this is what a cut left of a first deployment or of a removal.
		committed_stacks
		[ -n "$COMMITTED" ] || [ -d "$STATE/pending" ] || remove_recovery || {
			left_over >"$WORK/missing"
			return 1
		}
		return 0
	fi
	if undo; then
		say "$1; undone: this server is as it was before"
		journal "rolled back: $1"
		return 0
	fi
	incomplete
	return 1
}

# incomplete: says what an undo could not put back. Everything that can is still there.
incomplete() {
	still_missing
	cp "$WORK/missing" "$RUN/incomplete" 2>/dev/null
	again='tried again every 15 s'
	[ -L $TIMER_LINK ] || again="tried again by the next run; by hand: $INSTALLED rollback, or $UPLOADED-* restore"
	say "the rollback is incomplete ($again); still to be done: $still"
	journal "rollback incomplete: $still"
}
# still_missing: sets $still to what is in $WORK/missing, on one line. Where /run is full, nothing can be read there.
still_missing() {
	still=
	if [ -s "$WORK/missing" ]; then
		while IFS= read -r line; do still="$still${still:+;}$line"; done <"$WORK/missing"
	fi
	still=${still:-what is there could not be compared; is /run full?}
}
# outcome_incomplete rollback|restore: which of them it is that is incomplete.
outcome_incomplete() {
	[ -z "$WORK" ] || true >"$WORK/told"
	list=
	if [ -s "$WORK/missing" ]; then
		while IFS= read -r line; do
			json "$line"
			list="$list${list:+,}\"$json\""
		done <"$WORK/missing"
	fi
	[ -n "$list" ] || list='"what is there could not be compared; is /run full?"'
	command printf '{"result":"%s-incomplete","missing":[%s]}\n' "$1" "$list" >&6 || :
}

fail() {
	say "$1"
	exit 1
}

# However the run ends, an unfinished transaction ends with it. Where the run is killed, systemd calls settle.
at_exit() {
	code=$?
	trap - EXIT
	trap '' HUP INT TERM
	if [ -n "$UNFINISHED" ]; then
		say 'rolling back'
		code=1
		if undo; then
			UNFINISHED=
			say 'rolled back: this server is as it was before'
			journal "rolled back: what $BY deployed of stack $STACK"
			outcome rolled-back
		else
			incomplete
			outcome_incomplete rollback
		fi
	fi
	[ -z "$OWN_WORK" ] || { rm -rf "$WORK" && rmdir $RUN 2>/dev/null; }
	exit "$code"
}

# --- the machine's own view after the change ---

fields() { sed -n "s/^$2 //p" "$1"; }
addresses_of() { timeout 3 getent ahosts "$1" 9>&- | awk '!seen[$1]++ { print $1 }'; }

# outside_names: those of verify-outside that resolve now.
outside_names() {
	for name in $OUTSIDE; do
		now
		[ "$now" -lt "$deadline" ] || return 0
		[ -z "$(addresses_of "$name")" ] || echo "$name"
	done
}

# until_deadline COMMAND…: repeats a check until it holds or the time is nearly up: resolvers need a moment to start, and a DHCP
# client may renew its lease in the middle of this.
until_deadline() {
	while :; do
		now
		[ "$now" -lt "$deadline" ] || { say "the time for the verification is over (rollback-after $ROLLBACK_AFTER)"; return 1; }
		"$@" && return 0
		now
		[ "$now" -lt "$deadline" ] || return 1
		sleep 1
		put_back
	done
}

resolves_inside() {
	found=$(addresses_of "$1")
	[ -n "$found" ] || return 1
	shift
	in_prefixes "$*" "$(echo "$found" | join ' ')"
}
resolves() { [ -n "$(addresses_of "$1")" ]; }
answers() { said=$(ping -n -c 1 -W 2 "$1" 2>&1 9>&-); }
# why_silent: what ping said beside its figures: a router's word, or that it could not even ask.
why_silent() {
	said=$(printf '%s\n' "$said" | grep -e '^From ' -e '^ping' -e 'connect:' | tail -n 1)
	echo "${said:+ ($said)}"
}

# dns_answers PROTOCOL SERVER NAME: whether the nameserver itself answers without error, past every cache (RFC 1035, section 4).
# The query goes out in one piece, by cat: the shell would write it line by line, and 10 is the length of "kubernetes".
dns_answers() {
	message='PG\001\000\000\001\000\000\000\000\000\000'
	length=17
	labels=$3.
	while [ -n "$labels" ]; do
		label=${labels%%.*}
		labels=${labels#*.}
		octal ${#label}
		message="$message$octal$label"
		length=$((length + 1 + ${#label}))
	done
	message=$message'\000\000\001\000\001'
	skip=0
	if [ "$1" = tcp ]; then
		octal $((length / 256)) && high=$octal
		octal $((length % 256))
		message="$high$octal$message"
		skip=2
	fi
	# shellcheck disable=SC2059 # a format by contract: octal escapes and labels without a percent sign
	printf "$message" >"$WORK/query"
	# shellcheck disable=SC2016 # bash's own arguments
	reply=$(timeout 3 bash -c 'exec 3<>"/dev/$0/$1/53" && cat "$2" >&3 && head -c 6 <&3' "$1" "$2" "$WORK/query" 2>"$WORK/unasked" 9>&- |
		od -An -v -t x1 -j $skip | tr -d ' \n')
	case $reply in
	5047[89abcdef]??0*) ;;
	*) return 1 ;;
	esac
}
# why_unanswered: what came instead of a good answer; a code's last digit is the DNS's own (RFC 1035, section 4.1.1).
why_unanswered() {
	case $reply in
	5047[89abcdef]???*)
		reply=${reply#???????}
		case $reply in
		2*) echo ' (it answers SERVFAIL: it cannot look that up itself)' ;;
		5*) echo ' (it answers REFUSED)' ;;
		*) echo " (it answers with the error code ${reply%"${reply#?}"})" ;;
		esac
		;;
	'')
		said=$(tail -n 1 "$WORK/unasked")
		echo "${said:+ ($said)}"
		;;
	*) echo " (what came is no answer of a nameserver: $reply)" ;;
	esac
}
octal() { octal="\\$(($1 / 64))$(($1 / 8 % 8))$(($1 % 8))"; }

nameservers_answer() {
	name=$(sed -n 's/^verify-name \([A-Za-z0-9._-]*\) .*/\1/p' "$WORK/desired" | head -n 1)
	[ -n "$name" ] || return 0
	if ! command -v bash >/dev/null; then
		say 'no bash on this server: the nameserver was not asked directly'
		return
	fi
	for server in $(fields "$WORK/desired" nameserver); do
		for protocol in udp tcp; do
			until_deadline dns_answers $protocol "$server" "$name" ||
				{ say "the nameserver $server does not answer on port 53 by $protocol$(why_unanswered)"; return 1; }
		done
	done
}

# verify: the cheapest first. Says what failed, and by which line of the desired state.
verify() {
	paths_unchanged || return 1
	nameservers_answer || return 1
	for name in $outside_before; do
		until_deadline resolves "$name" || { say "$name resolved before and no longer does"; return 1; }
	done
	sed -n 's/^verify-\(name\|pods\) /\1 /p' "$WORK/desired" >"$WORK/checks" || return 1
	while read -r kind name prefixes; do
		# shellcheck disable=SC2086 # a list of prefixes
		until_deadline resolves_inside "$name" $prefixes || {
			say "$name does not resolve to addresses in $prefixes (got: $(echo "${found:-nothing}" | join ' '))"
			[ -n "$found" ] || say "$(owner_hint)"
			return 1
		}
		[ "$kind" = pods ] || continue
		if ! command -v ping >/dev/null; then
			say "no ping on this server: the pods of $name were not probed"
			continue
		fi
		for address in $found; do
			until_deadline answers "$address" || { say "$address, a pod of $name, does not answer$(why_silent)"; return 1; }
			echo "$address" >>"$WORK/probed"
		done
	done <"$WORK/checks"
}
owner_hint() {
	case $method in
	none) echo 'dns.method is none: names of the cluster are known here only if something else knows them' ;;
	dnsmasq) echo 'the nameserver of the cluster was asked; look at what dnsmasq made of its answer: journalctl -u dnsmasq' ;;
	*) echo "names are asked by way of $method here" ;;
	esac
}

# paths_unchanged: to the operator, the nameservers in use and whoever is logged in. $WORK/paths has them as they were before.
paths_unchanged() {
	while IFS= read -r line; do
		path_now=$(path_to "${line%%: *}")
		[ "$path_now" = "$line" ] || { say "the path to ${line%%: *} changed: before '${line#*: }', now '${path_now#*: }'"; return 1; }
	done <"$WORK/paths"
}
note_paths() {
	# shellcheck disable=SC2046,SC2086 # a list of addresses
	path_to $OPERATOR $(while read -r _ address _; do echo "$address"; done <"$WORK/kept") >"$WORK/paths"
}

# A route that nothing was asked through is as good as its kind; who reads this may name pods behind it.
say_unprobed_routes() {
	[ -s "$WORK/probed" ] || return 0
	awk -v stack="$STACK" "$PREFIXES"'
		FILENAME == ARGV[1] { b = network($1); for (l = 1; l <= length(b); l++) probed[substr(b, 1, l)]; next }
		$2 == stack && !(network($1) in probed) { n++; if (n <= 8) list = list " " $1 }
		END { if (n) print list (n > 8 ? " and " n - 8 " more" : "") }' "$WORK/probed" "$WORK/owners" >"$WORK/unprobed"
	[ ! -s "$WORK/unprobed" ] || say "no pod was asked behind$(cat "$WORK/unprobed")"
}

# --- who deployed what, and when: for audits, and for those who find a server other than they left it ---

# Digests are SHA-256 of the desired state; there is none before the first one.
record() {
	before=
	if [ -n "$MINE" ]; then seen_sum "$MINE" && before=$sum; fi
	json "$STACK"
	printf '{"at":"%s","by":"%s","stack":"%s","version":"%s","before":"%s","after":"%s"}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
		"$BY" "$json" "$VERSION" "$before" "$DIGEST"
}

# record_file STACK: sets $record to the file that has its record; empty where there is none.
record_file() {
	stack_folder "$1"
	record=$folder/record.json
	[ -s "$record" ] || { is_old_layout && [ "$(stack_of "$STATE/desired")" = "$1" ] && record=$STATE/record.json; }
	[ -s "$record" ] || record=
}

# result RESULT: the last line of an apply, for programs.
result() {
	[ -z "$WORK" ] || true >"$WORK/told"
	seen=$(date -u -r $SEEN +%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
	record_file "$STACK"
	in_record=null
	[ -z "$record" ] || read -r in_record <"$record" || :
	list=
	for name in $ALL; do
		json "$name"
		list="$list${list:+,}\"$json\""
	done
	json "$SERVER" && server=$json
	json "$STACK"
	count=0
	while read -r _ owner; do [ "$owner" != "$STACK" ] || count=$((count + 1)); done <"$WORK/owners"
	command printf '{"result":"%s","server":"%s","stack":"%s","routes":%d,"dnsMethod":"%s","digest":"%s",' \
		"$1" "$server" "$json" "$count" "$method" "$DIGEST" || :
	command printf '"inForceAt":"%s","stacks":[%s],"record":%s}\n' "$seen" "$list" "$in_record" || :
}

# --- apply: from what is to what is desired ---

# plan_server FILE…: everything that these desired states want of this server together.
plan_server() {
	true >"$WORK/plan" && WANTED=0 && wanted_from "$@" || return 1
	server_method=none
	for file; do
		value_of dns-method "$file"
		wanted_method=$value
		if [ "$wanted_method" = auto ]; then dns_owner && wanted_method=$owner; fi
		[ "$wanted_method" = none ] || server_method=$wanted_method
	done
	if [ $# -gt 0 ]; then plan_recovery; else plan_no_recovery; fi || return 1
	plan_names
}

# plan_stack: what is kept of this stack's desired state. State of an older version is moved.
plan_stack() {
	stack_folder "$STACK"
	want_copy state "$folder/desired" "$WORK/desired" && want state "$folder/method" && echo "$method" >"$want" || return 1
	plan_move
}
plan_move() {
	is_old_layout || return 0
	old_stack=$(stack_of "$STATE/desired")
	if [ "$old_stack" != "$STACK" ]; then
		stack_folder "$old_stack"
		for name in desired method record.json; do
			[ ! -e "$STATE/$name" ] || { want state "$folder/$name" && cat "$STATE/$name" >"$want"; } || return 1
		done
		stack_folder "$STACK"
	fi
	[ ! -e "$STATE/links" ] || { want state "$LINKS" && sed 's/ .*//' "$STATE/links" >"$want"; } || return 1
	for name in desired method record.json folders written links resolv.conf.absent; do want_none state "$STATE/$name"; done
}

# plan_notes: what is noted of a change that is to happen: who made it, and what plan_written says.
plan_notes() {
	want state "$folder/record.json" && record >"$want" && plan_written
}

# plan_written: notes what is written, to tell an edit of somebody's later, and which folders are new.
plan_written() {
	want state "$WRITTEN" && notes=$want && awk -v resolv="$TARGET" '
		FILENAME == ARGV[1] { sum[$2] = $1; next }
		$1 != "state" && $2 == "file" && $4 != resolv { print sum[$3], $4 }' "$WORK/there" "$WORK/plan" >"$notes" || return 1
	# Of resolv.conf only the block is ours.
	block=
	while read -r _ kind argument path; do [ "$kind:$path" != "file:$TARGET" ] || block=$argument; done <"$WORK/plan"
	if [ -n "$block" ] && [ -e "$WORK/block" ]; then
		seen_sum "$WORK/block" && echo "$sum $TARGET" >>"$notes" || return 1
		if [ ! -e "$TARGET" ] || [ -e "$ABSENT" ] || [ -e "$STATE/resolv.conf.absent" ]; then want state "$ABSENT"; fi
	fi
	MADE=' '
	{
		if [ -e "$WRITTEN" ]; then
			while read -r key path; do [ "$key" != folder ] || note_folder "$path"; done <"$WRITTEN" || return 1
		fi
		if [ -e "$STATE/folders" ]; then while read -r path; do note_folder "$path"; done <"$STATE/folders" || return 1; fi
		# Older versions had it made by systemctl(1).
		! is_old_layout || note_folder "${PATH_LINK%/*}"
		while read -r class _ _ _ _ path; do [ "$class" = state ] || missing_folders "${path%/*}"; done <"$WORK/changes"
	} >>"$notes"
}

note_folder() {
	case $MADE in *" $1 "*) return 0 ;; esac
	MADE="$MADE$1 "
	echo "folder $1"
}

# plan_apply: reads the plan and compares. Afterwards in_force tells whether there is anything to do.
plan_apply() {
	read_stacks
	dns_method
	previous_method=none
	for file in $COMMITTED; do
		[ ! -f "${file%/*}/method" ] || read -r name <"${file%/*}/method" || :
		[ "${name:-none}" = none ] || previous_method=$name
	done
	# shellcheck disable=SC2086 # a list of files without blanks
	plan_server $OTHERS "$WORK/desired" && plan_stack && compare_plan && seen_sum "$WORK/desired" && DIGEST=$sum &&
		own_routes "$WORK/routes.before" &&
		{ [ "$server_method" = none ] || "${server_method}_drift" >"$WORK/drift"; }
}
in_force() {
	[ ! -s "$WORK/changes" ] && [ ! -s "$WORK/drift" ] && cmp -s "$WORK/wanted" "$WORK/routes.before" && units_run
}

# preview: the difference, for people. What is another stack's is said to be.
preview() {
	{
		comm -13 "$WORK/wanted" "$WORK/routes.before" | sed 's/^/- route /'
		comm -23 "$WORK/wanted" "$WORK/routes.before" | sed 's/^/+ route /'
	} | awk -v stack="$STACK" '
			FILENAME == ARGV[1] { owner[$1] = $2; next }
			{ print $0 (($3 in owner) && owner[$3] != stack ? " (stack " owner[$3] ")" : "") }' "$WORK/owners" -
	units=
	while read -r class kind argument _ _ path; do
		case $class:$kind in
		state:file) case $path in */desired) echo '~ what is desired here' ;; */method) ;; *) echo "~ file $path" ;; esac ;;
		state:*) ;;
		recovery:link) units=1 ;;
		*) difference "$kind" "$argument" "$path" ;;
		esac
	done <"$WORK/changes"
	if [ -n "$COMMITTED" ] && { [ -n "$units" ] || ! units_run; }; then echo "~ units $UNITS: not enabled, or not running"; fi
	[ "$previous_method" = none ] || [ "$previous_method" = "$server_method" ] || echo "- nameserver by $previous_method"
	cat "$WORK/drift"
	echo "  nameserver by $method"
}

dry_apply() {
	if [ -e "$PENDING" ] || [ -d "$STATE/pending" ]; then
		say 'a transaction is under way or was left unfinished here; it ends by itself, try again in two minutes'
		[ ! -s "$RUN/incomplete" ] || say "its rollback is incomplete: $(join ';' <"$RUN/incomplete")"
		outcome busy
		exit 2
	fi
	plan_apply || refuse 'the difference could not be made out'
	if in_force; then
		say 'no change'
		result unchanged
		return
	fi
	guards
	preview
	result would-change
}

# begin_turn: this run's turn. What an earlier one left is settled first.
begin_turn() {
	now
	started=$now
	take_lock 8 || refuse "another run of pod-gateway holds $LOCK for more than 8 s"
	[ ! -d "$STATE/pending" ] || settle_older_version
	true >"$WORK/missing"
	settle 'an earlier transaction was left unfinished' || {
		[ -e "$PENDING" ] || refuse 'what an earlier run left cannot be removed; is the disk full or read-only?'
		outcome_incomplete rollback
		exit 1
	}
}
# A version that knew one stack keeps its own journal, and its own script reads it.
settle_older_version() {
	exec 8>&-
	[ ! -f $INSTALLED ] || timeout 60 /bin/sh $INSTALLED rollback >&2 9>&-
	[ ! -d "$STATE/pending" ] || refuse "a transaction of an older version is unfinished ($STATE/pending); $INSTALLED rollback ends it"
}

apply() {
	begin_turn
	plan_apply || refuse 'the difference could not be made out; is there room in /run?'
	if in_force; then
		say 'no change'
		result unchanged
		return
	fi
	guards
	deadline=$((started + ROLLBACK_AFTER - 10))
	note_paths || refuse 'the paths of now could not be written down'
	outside_before=
	[ -z "$OUTSIDE" ] || outside_before=$(outside_names)
	{ plan_notes && compare_plan; } || refuse 'the change could not be written down'
	[ -z "$UNWRITTEN" ] || refuse 'there is no room in /run'
	keep_edits || refuse "a copy of what somebody edited could not be kept in $BACKUPS"
	snapshot apply || refuse_prepared
	arm || fail 'could not arm the recovery'
	set_routes "$WORK/wanted" || fail 'a route could not be set'
	NAMES_UNTOUCHED=
	put_class names || fail "the files for $server_method could not be written"
	tell_owner || fail "the owner of resolv.conf ($server_method) did not take the new configuration"
	case $VERIFY in
	strict) verify || fail 'the verification failed' ;;
	warn) verify || say 'the verification failed; kept all the same, because verify is warn' ;;
	esac
	put_class state || fail 'what is in force could not be noted'
	look_again || fail 'what was changed is not there: something else undoes it'
	in_time || fail "the time is over (rollback-after $ROLLBACK_AFTER)"
	finish || fail 'could not commit'
	true >$SEEN
	remove_uploads
	read -r in_record <"$folder/record.json"
	journal "deployed $in_record"
	say_unprobed_routes
	result applied
	say "applied: $count routes, nameserver by $method"
}

# refuse_prepared: there was no room, or a file cannot be replaced; nothing but preparations was made, and they go.
refuse_prepared() {
	if ! undo; then
		UNFINISHED=
		incomplete
		outcome_incomplete rollback
		exit 1
	fi
	UNFINISHED=
	unready=$(unready)
	refuse "${unready:-could not keep a snapshot in $STATE; is the disk full, or mounted read-only?}"
}
# unready: which file cannot be replaced, and how to find out why.
unready() {
	while read -r _ _ _ old _ path; do
		[ "$old" != - ] || continue
		beside "$path" old
		if said=$(ln -fP "$path" "$beside" 2>&1); then rm -f "$beside"; else
			echo "$path cannot be replaced (${said##*: }); is it immutable (lsattr $path), mounted by itself (findmnt $path)," \
				'or the disk full or read-only?'
			return
		fi
	done <"$WORK/changes"
}

tell_owner() {
	if [ "$previous_method" != none ] && [ "$previous_method" != "$server_method" ]; then
		"${previous_method}_release"
		"${previous_method}_reload" || return 1
	fi
	if changed names; then "${server_method}_reload" || return 1; fi
	"${server_method}_mend"
}

# look_again: whether everything that was to be is, once more after others may have been at work.
look_again() {
	blind=0
	until seen_in_force; do
		now
		[ "$now" -lt "$deadline" ] || return 1
		# What cannot be looked at five times (/run is full) is not waited for until the time is over.
		if [ -n "$LOOKED" ]; then blind=0; else blind=$((blind + 1)); fi
		[ $blind -lt 5 ] || { say 'what was changed cannot be looked at; is /run full?'; return 1; }
		sleep 1
		put_back
	done
}
seen_in_force() {
	LOOKED=
	compare_plan && own_routes "$WORK/routes.now" && LOOKED=1 || return 1
	[ ! -s "$WORK/changes" ] && cmp -s "$WORK/wanted" "$WORK/routes.now"
}
in_time() { now && [ "$now" -lt $((started + ROLLBACK_AFTER - MARGIN + 1)) ]; }

# put_back: what another program took away since; what is as desired is left alone.
put_back() {
	PUT_BACK=
	own_routes "$WORK/routes.now" || return 1
	if ! cmp -s "$WORK/wanted" "$WORK/routes.now"; then
		if set_routes_back "$WORK/wanted"; then
			say 'put back routes that were gone'
		else
			say 'routes are gone and cannot be put back yet'
			PUT_BACK=failed
		fi
	fi
	put_back_names || PUT_BACK=failed
	[ -z "$PUT_BACK" ]
}
put_back_names() {
	cp "$WORK/plan" "$WORK/plan.kept" && cp "$WORK/changes" "$WORK/changes.kept" || return 1
	put_back_files
	failed=$?
	mv -f "$WORK/plan.kept" "$WORK/plan" && mv -f "$WORK/changes.kept" "$WORK/changes"
	return $failed
}
put_back_files() {
	# resolv.conf may have other lines by now, around which our block goes.
	lines_but plan '^names ' "$WORK/plan.kept" && plan_names || return 1
	if [ -n "$UNFINISHED" ]; then
		{ grep '^names ' "$WORK/plan" >"$WORK/plan.names" || [ $? -eq 1 ]; } && mv -f "$WORK/plan.names" "$WORK/plan" || return 1
	fi
	compare_plan || return 1
	if [ -s "$WORK/changes" ]; then
		put_paths=
		while read -r class _ _ old _ path; do
			put_paths="$put_paths $path"
			note_other_contents "$old" "$path" || return 1
		done <"$WORK/changes"
		{ prepare_files && make_durable; } || return 1
		# Where this is ended before the resolver has read its files, the next run has it read them.
		! changed names || true >$UNTOLD || return 1
		for class in tool recovery state names; do put_class $class || return 1; done
		[ -n "$UNFINISHED" ] || drop_second_names || return 1
		say "put back$put_paths"
		if changed recovery; then reload_units || return 1; fi
	fi
	if [ -e $UNTOLD ]; then "${server_method}_reload" && rm -f $UNTOLD || return 1; fi
	# A later look compares with the new contents, also where another program wrote what is as good.
	if [ -n "$UNFINISHED" ]; then
		lines_but plan.others '^names ' "$WORK/plan.kept" && cat "$WORK/plan.others" >>"$WORK/plan" &&
			cp "$WORK/plan" "$WORK/plan.kept" || return 1
	fi
	"${server_method}_mend"
}
# In a transaction, what somebody else wrote meanwhile counts as what was before.
note_other_contents() {
	[ -n "$UNFINISHED" ] && [ "$2" = "$TARGET" ] && [ "$1" != - ] || return 0
	lines_but journal.new "^also [^ ]* $2\$" "$WORK/journal" &&
		echo "also $1 $2" >>"$WORK/journal.new" && mv -f "$WORK/journal.new" "$WORK/journal" && seal_journal
}
drop_second_names() {
	leftovers=
	while read -r _ _ _ _ _ path; do beside "$path" old && leftovers="$leftovers $beside"; done <"$WORK/changes"
	# shellcheck disable=SC2086 # a list of paths without blanks
	rm -f $leftovers
}

# remove_uploads: copies of this script that were uploaded, to where root or another user may write, other than this one.
remove_uploads() {
	home=/root
	[ -z "${SUDO_USER:-}" ] || home=$(getent passwd "$SUDO_USER" | cut -d : -f 6)
	find "${UPLOADED%/*}" "${home:-/root}" -maxdepth 1 -type f \( -path "$UPLOADED-*" -o -name '.pod-gateway-host-*' \) \
		! -path "${UPLOAD:-none}" -delete
}

# --- restore: the way out ---

# choose_stacks: sets GOING to the stacks that go, and STACK to a name for them.
choose_stacks() {
	STACK=
	read_stacks
	count=0
	for name in $STACKS; do count=$((count + 1)); done
	GOING=$STACKS
	if [ -n "$ONLY" ]; then
		case " $STACKS " in *" $ONLY "*) GOING=$ONLY ;; *) GOING= ;; esac
	elif [ $count -gt 1 ] && [ -z "$EVERY" ]; then
		refuse "several stacks serve this server:$STACKS; name one (restore --stack NAME), or all of them (restore --all)"
	fi
	OTHERS=
	for file in $COMMITTED; do
		case " $GOING " in *" $(stack_of "$file") "*) ;; *) OTHERS="$OTHERS $file" ;; esac
	done
	STACK=${GOING# }
}

plan_restore() {
	choose_stacks
	previous_method=none
	for file in $COMMITTED; do
		name=none
		[ ! -f "${file%/*}/method" ] || read -r name <"${file%/*}/method" || :
		[ "$name" = none ] || previous_method=$name
	done
	# shellcheck disable=SC2086 # a list of files without blanks
	plan_server $OTHERS || return 1
	for name in $GOING; do
		stack_folder "$name"
		for part in desired method record.json; do want_none state "$folder/$part"; done
	done
	if is_old_layout; then
		case " $GOING " in
		*" $(stack_of "$STATE/desired") "*) ;;
		*) refuse "the state of the stack $(stack_of "$STATE/desired") is an older version's; deploy it once with this one first" ;;
		esac
		for part in desired method record.json folders written links resolv.conf.absent; do want_none state "$STATE/$part"; done
	fi
	[ -n "$OTHERS" ] || want_none state "$ABSENT"
	{ compare_plan && own_routes "$WORK/routes.before"; } || return 1
	# What is noted of folders stays until they are gone, too.
	[ -z "$COMMITTED" ] || { plan_written && compare_plan; }
}

dry_restore() {
	plan_restore || refuse 'the difference could not be made out'
	true >"$WORK/drift"
	method=$server_method
	if [ ! -s "$WORK/changes" ] && cmp -s "$WORK/wanted" "$WORK/routes.before"; then say 'nothing to restore'; else preview_restore; fi
	outcome would-restore
}
preview_restore() {
	comm -13 "$WORK/wanted" "$WORK/routes.before" | sed 's/^/- route /'
	while read -r class kind argument _ _ path; do
		if [ "$class" = names ]; then difference "$kind" "$argument" "$path"; else echo "- file $path"; fi
	done <"$WORK/changes"
	for name in $GOING; do echo "- stack $name"; done
}

restore() {
	ROLLBACK_AFTER=90
	begin_turn
	plan_restore || refuse 'what is to go could not be made out'
	if [ -s "$WORK/changes" ] || ! cmp -s "$WORK/wanted" "$WORK/routes.before"; then
		# Everything but what repairs is taken back in a transaction; that goes last, when the transaction is over.
		keep_edits || refuse "a copy of what somebody edited could not be kept in $BACKUPS"
		take_back
	fi
	if [ -z "$OTHERS" ]; then remove_recovery || not_removed; fi
	UPLOAD=
	remove_uploads
	if [ -z "$OTHERS" ]; then
		rm -f $SEEN $UNTOLD $SEEN_OWNER $OLD_LOCK $LOCK
		say 'restored: nothing of pod-gateway is left on this server'
	else
		say "restored: nothing of stack $STACK is left here; this server still serves $ALL"
	fi
	journal "restored by $BY: ${STACK:-nothing was there}"
	outcome restored
}

# not_removed: the deployment is gone, but not all of what it was kept up by.
not_removed() {
	left_over >"$WORK/missing"
	again=$INSTALLED
	[ -e $INSTALLED ] || again='the script'
	say "the restore is incomplete: the deployment is taken back, but not what repaired it: $(join ';' <"$WORK/missing"); run" \
		"$again restore once more"
	journal "restore incomplete: $(join ';' <"$WORK/missing")"
	outcome_incomplete restore
	exit 1
}

take_back() {
	# The recovery's files stay as they are until then, of whatever version they are.
	if [ -z "$OTHERS" ]; then without_recovery changes || refuse 'the change could not be written down'; fi
	snapshot restore || refuse_prepared
	if [ -n "$OTHERS" ]; then arm || fail 'could not arm the recovery'; fi
	set_routes "$WORK/wanted" || fail 'a route could not be taken away'
	NAMES_UNTOUCHED=
	put_class names || fail 'the files of the nameserver configuration could not be taken back'
	[ "$server_method" = resolved ] || resolved_release
	release_owner || fail 'the owner of resolv.conf did not take its configuration back'
	put_class state || fail 'what is noted could not be taken away'
	[ "$server_method" = resolved ] || remove_files "$LINKS" || fail 'what is noted could not be taken away'
	without_recovery plan || fail 'what was to go cannot be looked at'
	seen_in_force || fail 'not everything went away'
	finish || fail 'could not commit'
	for name in $GOING; do
		stack_folder "$name"
		remove_folders "$folder"
	done
}
# without_recovery plan|changes: takes the lines of what repairs out of that list.
without_recovery() { lines_but plan_kept -e '^recovery ' -e '^tool ' "$WORK/$1" && mv -f "$WORK/plan_kept" "$WORK/$1"; }
release_owner() {
	changed names || return 0
	for owner in $OWNERS; do
		case " $previous_method $server_method " in *" $owner "*) "${owner}_reload" || return 1 ;; esac
	done
}

# remove_recovery: the units and the script, and the folders that were made for us, once nothing is deployed and nothing is to be
# undone. May be repeated, by any run: the list of folders goes last. What a power cut leaves of all this does nothing.
remove_recovery() {
	units='' tool=''
	for path in $PATH_LINK $TIMER_LINK $SERVICE_LINK $PATH_FILE $TIMER_FILE $SERVICE_FILE $PROTOCOL_FILE; do
		[ ! -e "$path" ] && [ ! -L "$path" ] || units="$units $path"
	done
	[ ! -e $INSTALLED ] || tool=$INSTALLED
	[ -n "$units$tool" ] || [ -d "$STATE" ] || return 0
	folders=
	if [ -e "$WRITTEN" ]; then folders=$(sed -n 's/^folder //p' "$WRITTEN") || return 1; fi
	if [ -n "$units" ]; then
		stop_units
		# shellcheck disable=SC2086 # a list of paths without blanks
		{ remove_files $units && reload_units; } || return 1
	fi
	# shellcheck disable=SC2086 # a list of paths without blanks
	remove_folders $folders
	for path in $folders; do ! is_empty "$path" || return 1; done
	# shellcheck disable=SC2086 # a list of paths without blanks
	remove_files $tool "$WRITTEN" || return 1
	remove_folders "$STATE"/* "$STATE"
	! is_empty "$STATE"
}
# left_over: a line for each thing that remove_recovery takes away and that is still there.
left_over() {
	for path in $PATH_LINK $TIMER_LINK $SERVICE_LINK $PATH_FILE $TIMER_FILE $SERVICE_FILE $PROTOCOL_FILE $INSTALLED "$STATE"; do
		[ ! -e "$path" ] && [ ! -L "$path" ] || echo "$path is still there"
	done
}
is_empty() {
	[ -d "$1" ] || return 1
	for entry in "$1"/* "$1"/.[!.]*; do [ ! -e "$entry" ] || return 1; done
}

# --- reapply: puts back what somebody took away; run by the timer, by the path unit and at boot ---

reapply() {
	[ -z "${JOURNAL_STREAM:-}" ] || LEVEL='<4>'
	take_lock 0
	case $? in
	0) ;;
	"$BUSY") return 0 ;; # a transaction is under way; the timer comes again
	*)
		say "the lock $LOCK cannot be taken; is /run full?"
		exit 1
		;;
	esac
	settle 'a transaction was cut off' || exit 1
	STACK=
	read_stacks
	[ -n "$COMMITTED" ] || return 0
	SELF=$INSTALLED
	# shellcheck disable=SC2086 # a list of files without blanks
	if ! { plan_server $COMMITTED && compare_plan; }; then
		say 'what is in force could not be compared with what is desired'
		exit 1
	fi
	owner_is_settled || exit 1
	# What it will be taken back by is noted before it is there.
	[ -z "$LEFT" ] || { plan_written && compare_plan; } || exit 1
	put_back || exit 1
	[ -z "$LEFT" ] || leave_owner || exit 1
	true >$SEEN
}

# owner_is_settled: where another program decides about resolv.conf than before, that is believed when it is so twice: a resolver
# that restarts is gone for a moment. Then the names move with it, and $LEFT is who had them.
owner_is_settled() {
	noted=none LEFT=
	for file in $COMMITTED; do
		name=none
		[ ! -f "${file%/*}/method" ] || read -r name <"${file%/*}/method" || :
		[ "$name" = none ] || noted=$name
	done
	if [ "$noted" = "$server_method" ]; then
		rm -f $SEEN_OWNER
		return 0
	fi
	seen_owner=
	[ ! -f $SEEN_OWNER ] || read -r seen_owner <$SEEN_OWNER || :
	if [ "$seen_owner" != "$server_method" ]; then
		echo "$server_method" >$SEEN_OWNER
		say "resolv.conf is no longer by $noted but by $server_method; the names move in a moment"
		own_routes "$WORK/routes.now" && { cmp -s "$WORK/wanted" "$WORK/routes.now" || set_routes_back "$WORK/wanted"; }
		return 1
	fi
	("${server_method}_fits") >/dev/null || {
		say "the names of the cluster cannot be by $server_method here; the next pulumi up says what to do"
		return 1
	}
	LEFT=$noted
}

# leave_owner: the names are with another one: who had them is told so. That this is noted is the end of it.
leave_owner() {
	"${LEFT}_release"
	"${LEFT}_reload" || return 1
	for file in $COMMITTED; do
		name=none
		[ ! -f "${file%/*}/method" ] || read -r name <"${file%/*}/method" || :
		[ "$name" = none ] || { echo "$server_method" | put_text "${file%/*}/method"; } || return 1
	done
	[ ! -e "$LINKS" ] || [ "$server_method" = resolved ] || remove_files "$LINKS" || return 1
	rm -f $SEEN_OWNER
}

# --- status: what is in force here, and what could not be undone ---

# under_way: whether a run is at work. The lock tells it to root alone; others are not told of what is unfinished by the exit code.
under_way() {
	[ -d $RUN ] || return 1
	[ -r $LOCK ] || [ ! -x $RUN ] || return 1
	[ -r $LOCK ] || return 0
	(flock -E $BUSY -n 9 9<$LOCK)
	[ $? -eq $BUSY ]
}

status() {
	STACK=
	read_stacks
	code=0
	if [ -e "$PENDING" ] || [ -d "$STATE/pending" ]; then
		echo '# a transaction is under way, or is being undone'
		under_way || code=1
	fi
	if [ -s $RUN/incomplete ]; then
		sed 's/^/# a rollback is incomplete: /' $RUN/incomplete
		code=1
	fi
	if [ -z "$COMMITTED" ]; then
		say 'nothing of pod-gateway is in force here'
		left_over | sed 's/^/# a restore is incomplete: /'
		[ -z "$(left_over)" ] || code=1
	fi
	for file in $COMMITTED; do
		name=$(stack_of "$file")
		record_file "$name"
		echo "# stack $name${record:+, deployed: $(cat "$record")}"
		cat "$file"
		echo "# nameserver by $(cat "${file%/*}/method")"
	done
	[ -z "$COMMITTED" ] || echo '# routes in the kernel:'
	# shellcheck disable=SC2086 # a list of files without blanks
	own_routes "$WORK/routes.now" && wanted_from $COMMITTED &&
		awk '
			FILENAME == ARGV[1] { owner[$1] = $2; next }
			{ print "# route " $0 (($1 in owner) ? " (stack " owner[$1] ")" : " (of no stack)") }
		' "$WORK/owners" "$WORK/routes.now"
	return $code
}

# --- the command line ---

usage() { sed -n '2,/^set -u/{/^set -u/d;s/^# \{0,1\}//;p;}' "$SELF"; }
misused() {
	say "$1; see: $SELF help"
	outcome refused
	exit 2
}

# in_service VERB SECONDS: runs the verb in a service of its own, whose processes systemd ends after that time, and whose unfinished
# transaction systemd has settled, whatever ended it. This process only carries what it says.
in_service() {
	for tool in ip systemctl systemd-run flock timeout getent sync sha256sum find; do
		command -v $tool >/dev/null || refuse "there is no $tool on this server"
	done
	{
		cat "$SELF" >"$WORK/script" && echo $$ >"$WORK/front" &&
			printf '%s\n' "$OPERATOR" "${SSH_PORT:-22}" "$BY" "${SUDO_USER:-}" "$SELF" "$ONLY" "$EVERY" >"$WORK/request"
	} || refuse 'there is no room in /run'
	# The run needs this folder for as long as it lasts; whoever is last removes it.
	trap 'OWN_WORK=; exit 1' HUP INT TERM
	tries=0
	while [ ! -e "$WORK/begun" ]; do
		state=$(systemctl show -p ActiveState --value $RUN_UNIT 2>/dev/null)
		case $state in
		'' | inactive | failed)
			systemd-run --quiet --pipe --wait --collect --service-type=exec --unit=$RUN_UNIT \
				-p "RuntimeMaxSec=$2" -p TimeoutStopSec=90 -p KillSignal=SIGKILL \
				-p "ExecStopPost=/bin/sh $WORK/script settle $WORK" /bin/sh "$WORK/script" work "$1" "$WORK" </dev/null
			code=$?
			[ ! -e "$WORK/begun" ] || break
			;;
		esac
		tries=$((tries + 1))
		[ $tries -lt $TURN_LIMIT ] ||
			refuse "no turn within $TURN_LIMIT s: $RUN_UNIT.service is ${state:-not to be started by systemd-run}; see: systemctl status $RUN_UNIT"
		sleep 1
	done
	if [ ! -e "$WORK/told" ]; then
		code=1
		if [ -s "$WORK/missing" ] && [ ! -e "$WORK/settled" ]; then
			what=rollback
			[ "$1" != restore ] || [ -e "$PENDING" ] || what=restore
			say "the run was ended before it was done, and the $what is incomplete: $(join ';' <"$WORK/missing")"
			outcome_incomplete $what
		elif [ -e "$WORK/settled" ]; then
			say 'the run was ended before it was done (time limit, or somebody ended it); rolled back: this server is as it was before'
			outcome rolled-back
		else
			say "the run was ended before it could say what it did; see: $INSTALLED status"
			outcome unknown
		fi
	fi
	exit "$code"
}

# target: sets $TARGET to the file that resolv.conf leads to. Without it nothing can be done.
target() {
	TARGET=$(readlink -m $RESOLV_CONF) || refuse "cannot tell where $RESOLV_CONF leads (readlink)"
}

# read_request: what the process that started this service knows.
read_request() {
	{
		IFS= read -r OPERATOR && IFS= read -r SSH_PORT && IFS= read -r BY && IFS= read -r SUDO_USER &&
			IFS= read -r UPLOAD && IFS= read -r ONLY && IFS= read -r EVERY
	} <"$WORK/request"
}

verb=${1:-}
WORK='' OWN_WORK='' UNFINISHED='' NAMES_UNTOUCHED='' DURABLE='' WANTED=0
ONLY='' EVERY='' DRY_RUN='' STACK='' OPERATOR='' SSH_PORT='' BY='' UPLOAD='' ALL='' previous_method=none server_method=none
case $verb in
settle) ;;
work) SELF=$0 && target ;;
*) SELF=$(readlink -f "$0") ;;
esac
case $verb in
apply | restore | reapply | rollback)
	be_root "$@"
	shift
	while [ $# -gt 0 ]; do
		case $verb:$1 in
		apply:--dry-run | restore:--dry-run) DRY_RUN=1 ;;
		restore:--all) EVERY=1 ;;
		restore:--stack)
			[ $# -ge 2 ] || misused '--stack needs a name'
			shift
			ONLY=$1
			;;
		*) misused "$verb does not know '$1'" ;;
		esac
		shift
	done
	;;
status | detect) [ $# -eq 1 ] || misused "$verb takes no argument" ;;
work | settle) [ -d "${3:-${2:-}}" ] || exit 2 ;;
help | --help | -h)
	usage
	exit
	;;
*)
	usage >&2
	exit 2
	;;
esac

case $verb in
work)
	WORK=$3
	true >"$WORK/begun" && read_request || exit 2
	[ "$2" != apply ] || read_desired "$WORK/desired" checked
	trap at_exit EXIT
	"$2"
	exit
	;;
settle)
	# By systemd, after the run: most often there is nothing to do.
	WORK=$2
	if [ -e "$PENDING" ] || [ -e "$FINISHED" ] || [ ! -e "$WORK/told" ]; then
		{ target && read_request; } || exit 1
		unfinished=
		[ ! -e "$PENDING" ] || unfinished=1
		take_lock 30 && settle 'a change was not committed in time, or its run was ended' &&
			{ [ -z "$unfinished" ] || true >"$WORK/settled"; }
	fi
	code=$?
	read -r front <"$WORK/front"
	kill -0 "$front" 2>/dev/null || rm -rf "$WORK"
	exit $code
	;;
esac

uid
if [ "$uid" -eq 0 ]; then
	case $verb in
	status | detect) WORK=$(mktemp -d) || exit 2 ;;
	*)
		[ -d $RUN ] || mkdir -m 700 $RUN
		WORK=$(mktemp -d $RUN/work.XXXXXX) || refuse 'there is no room in /run'
		;;
	esac
else
	WORK=$(mktemp -d) || exit 2
fi
OWN_WORK=1
trap at_exit EXIT
trap 'exit 1' HUP INT TERM
# A run in its service looks by itself.
case $verb$DRY_RUN in apply | restore) ;; *) target ;; esac
case $verb in
apply)
	operator
	cat >"$WORK/desired" || refuse 'there is no room in /run'
	read_desired "$WORK/desired"
	true >"$WORK/drift"
	if [ -n "$DRY_RUN" ]; then dry_apply; else in_service apply $((ROLLBACK_AFTER - MARGIN)); fi
	;;
restore)
	operator
	if [ -n "$DRY_RUN" ]; then dry_restore; else in_service restore 90; fi
	;;
rollback)
	BY=$(id -un)
	take_lock 20 || refuse "another run of pod-gateway holds $LOCK"
	settle 'asked for by hand' || exit 1
	;;
detect) dns_owner && echo "$owner" ;;
*) "$verb" ;;
esac
