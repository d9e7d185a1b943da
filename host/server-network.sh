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
VERSION=0.1.0

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

# --- what is said, and to whom ---

# The shell's own echo and printf can fail for lack of room, even in the middle of a list whose last line fits again. UNWRITTEN
# remembers that, and from then on the script trusts no list. Messages for people do not count: they are not part of a list.
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

# The result goes to the original standard output, even if the run ends while a list goes to a file.
exec 6>&1

# The timer's runs warn in the journal, which reads a level at the beginning of a line (sd-daemon(3)).
LEVEL=
say() { command printf '%spod-gateway: %s\n' "$LEVEL" "$*" >&2 || :; }
refuse() {
	say "refused, nothing was changed: $*"
	outcome refused
	exit 2
}
# cannot WHY: refuses if the run has not changed anything yet, and undoes the change otherwise. The timer's run has no result: nobody
# asked for it, and it may have undone a change before.
cannot() {
	[ -z "$UNFINISHED" ] || fail "$*"
	if [ "$verb" = reapply ]; then
		say "$*"
		exit 1
	fi
	refuse "$*"
}
# outcome RESULT: prints the last line on standard output. Its reader may be gone; the change does not depend on that.
outcome() {
	[ -z "$WORK" ] || true >"$WORK/told"
	command printf '{"result":"%s"}\n' "$1" >&6 || :
}
# Writes a line to the journal, for people who ask later what was done here.
journal() { timeout 5 systemd-cat -t pod-gateway -p notice echo "$*" 9>&- || say 'the line for the journal could not be written'; }

# json TEXT: sets $json to the text, escaped for a JSON string. No value here has control characters.
json() {
	json=$1
	case $json in
	*[\"\\]*) json=$(printf '%s' "$json" | sed 's/[\\"]/\\&/g') ;;
	esac
}

# now: sets $now to the seconds of a clock that nobody can set.
now() {
	if read -r now _ 2>/dev/null </proc/uptime; then now=${now%%.*}; else now=$(date +%s); fi
}

# join SEPARATOR: joins the lines of standard input into one.
join() { paste -s -d "$1" -; }

# --- who runs this ---

# uid: sets $uid to the number of the user that this runs as (proc(5)).
uid() {
	while read -r key _ uid _; do [ "$key" != Uid: ] || return 0; done 2>/dev/null </proc/self/status
	uid=$(id -u)
}

# Continues as root, by sudo, which keeps standard input. With -n sudo does not ask for a password: nobody is there to type one.
# A try with a harmless argument shows whether sudo allows this very command. If it does not, its own words say why.
be_root() {
	uid
	[ "$uid" -ne 0 ] || return 0
	words='there is no sudo here'
	if command -v sudo >/dev/null; then
		if words=$(sudo -n /bin/sh "$SELF" help 2>&1 >/dev/null); then exec sudo -n /bin/sh "$SELF" "$@"; fi
		# sudo-rs does not support wildcards in arguments; its rule names the script itself, which therefore has to be executable.
		# The installed script belongs to root and is executable already.
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
If the line is already there, a later rule or a setting such as requiretty or noexec overrides it."
}

# operator: sets $OPERATOR to the address that the operator comes from, and $SSH_PORT to the port they came to. sudo removes this
# from the environment, so it is read from the parent processes (proc(5)).
operator() {
	connection=${SSH_CONNECTION:-}
	pid=$$ environments=
	while [ -z "$connection" ] && [ "${pid:-0}" -gt 1 ] && [ -r "/proc/$pid/environ" ]; do
		environments="$environments /proc/$pid/environ"
		parent=
		while read -r key value; do [ "$key" != PPid: ] || parent=$value; done <"/proc/$pid/status"
		pid=$parent
	done 2>/dev/null
	# Takes only that of the nearest process. With -z, what is between NUL bytes is a line.
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
		# There may be thousands of routes: awk checks their lines below, all at once.
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
	# The run in the service reads a file that was checked before it began.
	[ -z "${2:-}" ] || return 0
	awk "$PREFIXES"'
		function bad(why) { print $0 ": " why; exit }
		$1 == "nameserver" && !is_address($2) { bad("not an IPv4 or IPv6 address in its canonical form") }
		/^route / {
			if ($0 !~ /^route [0-9a-f.:\/]+( via [0-9a-f.:]+)+$/) bad("not of the form route PREFIX via ADDRESS")
			if ((why = prefix_problem($2)) != "") bad(why)
			for (i = 4; i <= NF; i += 2) {
				if (!is_address($i)) bad($i " is not an IPv4 or IPv6 address in its canonical form")
				if (($i ~ /:/) != ($2 ~ /:/)) bad($i " is of another family than " $2)
			}
			if ($2 in seen) bad("the second route to " $2)
			seen[$2]
		}
		$1 ~ /^verify-(name|pods)$/ { for (i = 3; i <= NF; i++) if ((why = prefix_problem($i)) != "") bad(why) }
	' "$1" >"$WORK/bad" || refuse 'the desired state could not be checked'
	[ ! -s "$WORK/bad" ] || refuse "this line of the desired state is not understood: $(cat "$WORK/bad")"
}

# The wire format, an arm per keyword. read_desired checks the addresses and prefixes afterwards, of all lines at once.
read_line() {
	case $1 in
	*'  '* | ' '* | *' ' | *[!!-~\ ]* | '') return 1 ;;
	esac
	set -f
	# shellcheck disable=SC2086 # words separated by single spaces; globbing is off, so that nothing in them is special
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
# once BEFORE VALUE…: true if there is exactly one value and the keyword had none before.
once() { [ $# -eq 2 ] && [ -z "$1" ]; }
is_name() { case $1 in *[!A-Za-z0-9._-]* | [.-]* | *..* | '') return 1 ;; esac }
is_stack() { case $1 in *[!A-Za-z0-9._@/-]* | [./-]* | *..* | '') return 1 ;; esac }

# --- the stacks that serve this server ---

# stack_folder STACK: sets $folder to the folder with its state.
stack_folder() {
	folder=$1
	while :; do
		case $folder in */*) folder=${folder%%/*}@${folder#*/} ;; *) break ;; esac
	done
	folder=$STATE/$folder
}

# A version that knew only one stack kept its state in $STATE itself. That state is read there, and the next apply moves it.
is_old_layout() { [ -f "$STATE/desired" ]; }

# committed_stacks: sets $COMMITTED to the files of the desired states in force here.
committed_stacks() {
	COMMITTED=
	for file in "$STATE/desired" "$STATE"/*/desired; do
		[ ! -f "$file" ] || COMMITTED="$COMMITTED $file"
	done
}
# value_of KEYWORD FILE: sets $value to the value of the first line with that keyword.
value_of() {
	while read -r keyword value; do [ "$keyword" != "$1" ] || return 0; done <"$2"
	value=
}
stack_of() { value_of stack "$1" && echo "$value"; }

# read_stacks: sets $STACKS to the names of all committed stacks, $MINE to the file of $STACK (empty if it has none), and $OTHERS to
# the files of the other stacks.
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

# wanted_from FILE…: gathers what all these states want. $WORK/wanted gets the routes in order of their prefixes, $WORK/owners the
# stack of each prefix, $WORK/names the lines about names ("KEYWORD STACK VALUE"), and $WORK/hops the next hops.
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
	# Lists for the texts of files, each value once: stacks, nameservers, split domains, and search domains.
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
# once_more VARIABLE LIST WORD: adds the word to the list, unless the list has it.
once_more() {
	case " $2 " in *" $3 "*) return ;; esac
	eval "$1=\${2:+\$2 }\$3"
}

# header: prints the first line of each file of ours. Example: # Written by pod-gateway (stack lab). …
header() {
	case $ALL in *' '*) of="stacks $ALL" ;; *) of="stack $ALL" ;; esac
	printf '# Written by pod-gateway (%s). Undo everything with: %s restore\n' "$of" "$INSTALLED"
}

# --- addresses, prefixes and routes ---

# Functions for awk, for both families.
#   bits(ADDRESS)               its bits as a text of 0 and 1; empty if the text is not an address
#   network(PREFIX OR ADDRESS)  4 or 6, then the leading bits that all its addresses share
#   is_address(TEXT)            whether it is an address in its only canonical form (dotted decimal, RFC 5952)
#   prefix_problem(TEXT)        why it is not a prefix to route; empty if it is one
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
		if (n != 2 || !is_address(part[1])) return p " is not a prefix in its canonical form"
		b = bits(part[1])
		if (part[2] !~ /^(0|[1-9][0-9]?[0-9]?)$/ || part[2] + 0 > length(b)) return p " has no prefix length"
		if (substr(b, part[2] + 1) ~ /1/) return p " has host bits set"
		return ""
	}
'
# Prints one route a line as in the desired state ("PREFIX via A via B"), without what else iproute2 prints.
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
	# awk does not write into a pipe, so that its error is seen. sort then puts both families in one order.
	awk "$NORMAL" "$WORK/own" >"$1" && sort -o "$1" "$1"
}

# in_prefixes PREFIXES ADDRESSES: whether each address lies in one of the prefixes; both are words in one argument.
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

# route_batch WANTED CURRENT [undo]: writes to $WORK/batch.4 and .6 the ip(8) lines that turn the current list into the wanted one.
# Routes that stay are not touched. A changed next hop is one atomic replace. With undo, the deletions come first.
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

# set_routes WANTED: turns our routes, which are as in $WORK/routes.before, into exactly those in the file. Fails at the first route
# that cannot be set.
set_routes() {
	route_batch "$1" "$WORK/routes.before" || return 1
	for f in 4 6; do
		[ ! -s "$WORK/batch.$f" ] || ip "-$f" -batch "$WORK/batch.$f" >&2 || return 1
	done
}

# set_routes_back WANTED: the same for an undo: sets every route that can be set. A comparison then says what is missing.
set_routes_back() {
	own_routes "$WORK/routes.now" && route_batch "$1" "$WORK/routes.now" undo || return 1
	for f in 4 6; do
		[ ! -s "$WORK/batch.$f" ] || ip -force "-$f" -batch "$WORK/batch.$f" >/dev/null 2>&1
	done
	own_routes "$WORK/routes.now" && cmp -s "$1" "$WORK/routes.now"
}

# --- what the program could not know: this machine's own addresses, networks and other routes ---

# guards: refuses, before any change, what would harm this server. A dry run refuses the same.
guards() {
	guard_names
	guard_routes
	guard_shrink
}

# guard_routes: refuses routes that would harm this server. It also refuses if it cannot read what it needs to judge them.
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
	} >"$WORK/facts"; then refuse 'the addresses and routes of this server could not be judged (awk failed)'; fi
	{
		[ -z "$OPERATOR" ] || echo "address $OPERATOR the operator"
		while read -r prefix owner; do [ "$owner" = "$STACK" ] || echo "stack $prefix $owner"; done <"$WORK/owners"
		while read -r prefix owner; do [ "$owner" != "$STACK" ] || echo "wanted $prefix"; done <"$WORK/owners"
	} >>"$WORK/facts"
	awk "$PREFIXES"'
		function problem(text) { if (!told[text]++) print text }
		# longest(TABLE, LENGTHS, BITS): the longest entry that covers these bits; empty if none does.
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
				# A peer (a nameserver in use or an SSH login) keeps its path if a longer route of others leads to it, or if one of ours does already.
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

# guard_shrink: refuses to remove more of this stack's routes than max-shrink allows, in percent of each family: the new routes may be
# an incomplete table. A route is not removed if a new one covers all of it, or a part of it that had no route of its own: then only the
# prefix length changes. A route to one pod does not replace its block's: BIRD announces pods one by one when their block is gone.
guard_shrink() {
	[ -n "$MINE" ] && [ -n "$MAX_SHRINK" ] || return 0
	awk -v most="$MAX_SHRINK" "$PREFIXES"'
		# longest(TABLE, BITS): the longest entry that covers these bits; empty if none does.
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
					"), and " most " % may: make sure that the gateways have all their routes, then run up again. " \
					"If these are to go, set pod-gateway:routes.maxShrink to 1 for one up"
		}' "$MINE" "$WORK/desired" >"$WORK/problems" || refuse 'the number of routes that would go could not be computed (awk failed)'
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
		*) why="is not on any network of this server${path:+: $path}" ;;
		esac
		awk -v hop="$hop" -v why="$why" '
			{ for (i = 3; i <= NF; i += 2) if ($i == hop) { if (!n++) first = $1 } }
			END { print "the route " first (n > 1 ? " and " n - 1 " more" : "") " goes by " hop ", which " why }' "$WORK/wanted" || return 1
	done <"$WORK/hops"
}

# kept_addresses: writes to $WORK/kept the addresses that a change must not cut off: the nameservers in use, and the SSH logins.
kept_addresses() {
	nameservers_in_use >"$WORK/nameservers" || return 1
	awk -v ours="$NAMESERVERS" '
		BEGIN { n = split(ours, list, " "); for (i = 1; i <= n; i++) seen[list[i]]++ }
		{ sub(/[#%].*/, ""); sub(/[ \t].*/, "") }
		$0 != "" && !/^(127\.|::1$)/ && !seen[$0]++ { print "peer", $0, "a nameserver that this server asks" }
	' "$WORK/nameservers" >"$WORK/kept" || return 1
	logins >"$WORK/logins" && awk '!seen[$1]++ { print "peer", $1, "who is logged in here by SSH" }' "$WORK/logins" >>"$WORK/kept"
}

# logins: prints the address of each SSH login. If ss(8) is missing or fails, it reads the kernel's tables (proc(5)): they have
# addresses as words of 32 bits in this machine's byte order, in hexadecimal.
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
		# octet(WORDS, I): the two digits of octet I of the address, counted from 0.
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

# path_to ADDRESS…: prints how the kernel reaches each of them.
path_to() {
	for address; do
		path=$(ip -o route get "$address" 2>/dev/null)
		path=${path%% uid *}
		path=${path%% cache*}
		echo "$address: ${path%% expires *}"
	done
}

# --- files: the plan, the difference, and the only commands that change a file ---

# The plan is $WORK/plan, a line a path: "CLASS KIND ARGUMENT PATH". CLASS is tool (this script), recovery (the units that run it, to
# undo what was cut off), names (what resolvers read), or state. KIND is file (ARGUMENT: the file with its contents), link (ARGUMENT:
# its target) or none.

# want CLASS PATH: plans a file; $want is where its contents go.
want() {
	WANTED=$((WANTED + 1))
	want=$WORK/want.$WANTED
	true >"$want" && printf '%s file %s %s\n' "$1" "$want" "$2" >>"$WORK/plan"
}
want_copy() { printf '%s file %s %s\n' "$1" "$3" "$2" >>"$WORK/plan"; }
want_link() { printf '%s link %s %s\n' "$1" "$3" "$2" >>"$WORK/plan"; }
want_none() { printf '%s none - %s\n' "$1" "$2" >>"$WORK/plan"; }

# look PATH…: prints what is there, a line each: "SHA-256  PATH" for a file, "link TARGET PATH" for a link. It also prints "exists file
# PATH" and "exists link PATH": a path with only such a line could not be read, which is not the same as absent.
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

# compare_plan: writes to $WORK/changes the paths that are not as planned: "CLASS KIND ARGUMENT OLD NEW PATH", where OLD and NEW are a
# SHA-256, link:TARGET, or - for nothing.
compare_plan() {
	[ -z "$UNWRITTEN" ] || return 1
	paths=
	# Also reads the block of resolv.conf alone, because plan_written notes its checksum.
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

# seen_sum PATH: sets $sum to the SHA-256 that the last comparison saw there. Fails if it did not see a file.
seen_sum() { while read -r sum name; do [ "$name" != "$1" ] || return 0; done <"$WORK/there"; return 1; }

# lines_but NAME GREP…: writes the lines that do not match into $WORK/NAME. It does not fail if there are none.
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
# prepare_files: writes the new file of each change beside the old one, and makes a second name for the old one. If there is no room,
# this fails here, before any change. A file of others (resolv.conf) keeps its owner, mode and labels.
prepare_files() {
	texts='' makes=''
	while read -r _ kind argument _ _ path; do
		[ -d "${path%/*}" ] || makes="$makes ${path%/*}"
		[ "$kind" != file ] || [ "$path" = "$TARGET" ] || texts="$texts $argument"
		DURABLE="$DURABLE ${path%/*}"
	done <"$WORK/changes"
	# shellcheck disable=SC2086 # a list of paths without blanks
	if [ -n "$makes" ]; then mkdir -p $makes || return 1; fi
	# One process writes all of them. An error that it does not see is found when the files are read back.
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

# put_prepared KIND ARGUMENT PATH: replaces the old file by the prepared one, in one rename.
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

# make_durable: brings to disk what was prepared or put since the last call (fsync(2), once for each file and folder).
make_durable() {
	list=
	for path in $DURABLE; do
		case " $list " in *" $path "*) ;; *) [ ! -e "$path" ] || list="$list $path" ;; esac
	done
	DURABLE=
	# shellcheck disable=SC2086 # a list of paths without blanks
	[ -z "$list" ] || sync $list
}

# put_class CLASS: makes the plan's changes of that class.
put_class() {
	while read -r class kind argument _ _ path; do
		[ "$class" != "$1" ] || put_prepared "$kind" "$argument" "$path" || { say "$path cannot be changed"; return 1; }
	done <"$WORK/changes"
	make_durable || { say 'the files that were written could not be synced to the disk'; return 1; }
}

# put_text PATH: writes standard input to one file of ours, durably.
put_text() {
	beside "$1" new
	cat >"$beside" && rename_durably "$beside" "$1"
}
rename_durably() { sync "$1" && mv -fT "$1" "$2" && sync "${2%/*}"; }

# remove_files PATH…: removes them, durably.
remove_files() {
	[ $# -gt 0 ] || return 0
	rm -f "$@" || return 1
	for path; do DURABLE="$DURABLE ${path%/*}"; done
	make_durable
}

# remove_folders FOLDER…: removes the empty ones, the deepest first. The others have somebody else's files by now.
remove_folders() {
	[ $# -eq 0 ] || printf '%s\n' "$@" | sort -r | xargs rmdir 2>/dev/null || :
}

# --- edits of other people ---

# own_part FILE: prints the part of a file that is ours: of resolv.conf only the block.
own_part() {
	case $1 in
	"$TARGET") sed -n "/^$BLOCK_BEGIN/,/^$BLOCK_END/p" "$1" ;;
	*) cat "$1" ;;
	esac
}

# keep_edits: keeps a copy of each file of ours that somebody has edited, before a change replaces it, and says where the copy is.
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

# difference KIND ARGUMENT PATH: prints the lines that will change in the file, as a patch.
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
#   OWNER_fits      refuses if this owner cannot do its work here, and says what to do
#   OWNER_plan      plans the files that it reads, from ZONES, NAMESERVERS, SEARCHES and $WORK/names
#   OWNER_unwanted  plans the removal of these files
#   OWNER_service   sets $unit to the service that has to read them again; empty if there is none
#   OWNER_reload    makes the service read them; with "undo", also starts a service that an earlier try left dead
#   OWNER_drift     prints what is not as desired apart from files, and OWNER_mend repairs that
#   OWNER_release   undoes what was done apart from files
#   OWNER_shared    whether it can keep several stacks' names apart
OWNERS='resolved networkmanager dnsmasq resolvconf none'

# active UNIT: whether it runs. One call asks about all units that this script needs. ACTIVE keeps the answer until it is emptied.
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
# The shell alone finds out who owns resolv.conf, because a command that fails is not an answer.
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

# dns_owner: the decision table (cf. Tailscale's net/dns/manager_linux.go). Sets $owner by which services run, where the link leads
# and what the file says. Our own lines do not count, so that it can be called at any time. Owners that can split DNS come first.
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

# guard_names: refuses a second stack's names where they cannot be kept apart from the first one's.
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
			refuse "the stack $other uses $other_method for its names here, and this one $method; set dns.method to $other_method or none"
		"${method}_shared" ||
			refuse "the stack $other uses $method for its names here, which cannot keep two clusters' names apart;" \
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

# plan_names: plans the files of $server_method, and the removal of every other owner's.
plan_names() {
	for owner in $OWNERS; do
		if [ "$owner" = "$server_method" ]; then "${owner}_plan"; else "${owner}_unwanted"; fi || return 1
	done
}

# reload_service UNIT [undo]: makes a service read its files again, if it runs, within a time limit. The command does not get the
# lock, which it would keep if it hung. An undo also starts a service that we ourselves left dead.
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

# The folder is an option of dnsmasq. Debian gives it on the command line, other distributions in the file.
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
# Sends each zone to the nameservers of its own stack. dnsmasq answers reverse queries for private ranges by itself unless it knows
# their nameserver. It drops private answers if stop-dns-rebind is set and the zone is not exempt.
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

# networkmanager_wrote: whether NetworkManager decides what resolv.conf says. It may have written the file once, and since be told to
# leave it alone (dns=none, or an rc-manager that does not write). Our own drop-in does not count.
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
# Without a resolver that splits: the cluster's nameserver comes first, then those in force now, three in all.
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

# --- names: nobody; the settings say that this server does not resolve the cluster's names ---

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
	# Programs would not read the file, and systemd-resolved treats its nameservers as equals: it asks the one that answered last.
	if active systemd-resolved && grep -qs '^hosts:.*resolve' /etc/nsswitch.conf; then
		refuse "programs ask systemd-resolved here (resolve in /etc/nsswitch.conf), whatever $RESOLV_CONF says; link that to" \
			"/run/systemd/resolve/stub-resolv.conf and set dns.method to auto, take resolve out of nsswitch.conf, or set dns.method to none"
	fi
	# SLES: netconfig leaves a file alone once something else has changed it (netconfig(8)).
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
	# If there was no file before us, this removes it, unless somebody has put something into it since.
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

# with_block FILE: prints our block and then the file's lines, and writes the block alone to $WORK/block. Lines that would conflict with
# it are held back behind a mark. glibc reads three nameservers and the last search list; options add up (resolv.conf(5)). The option
# rotate would send the cluster's names to the other nameservers.
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
	# The last line keeps its end: a newline, or none.
	[ -s "$1" ] || return 0
	scan "$1" && { [ -n "$CUT" ] || echo; }
}

# scan FILE: sets ENDED if a line ends our block, and CUT if the last line does not end in a newline.
scan() {
	ENDED='' CUT=''
	while IFS= read -r line || { [ -n "$line" ] && CUT=1; }; do
		case $line in "$BLOCK_END"*) ENDED=1 ;; esac
	done <"$1"
}

# without_block FILE: prints the very bytes that were there before. If somebody removed the line that ends our block, its lines stay.
without_block() {
	scan "$1" || return 1
	sed "${ENDED:+/^$BLOCK_BEGIN/,/^$BLOCK_END/d;}s/^$HELD_BACK//" "$1"
}

# --- names: systemd-resolved ---

RESOLVED_FILE=/etc/systemd/resolved.conf.d/pod-gateway.conf

resolved_fits() {
	active systemd-resolved || refuse 'dns.method is resolved, but systemd-resolved does not run here'
	# It treats its global nameservers as equals: it would ask each of them for the cluster's names and for all others.
	ours=" $NAMESERVERS $(sed -n 's/^DNS=//p' $RESOLVED_FILE 2>/dev/null) "
	others=
	# It may run and still not answer: its client may be in another package, or D-Bus may be gone.
	said=$(timeout 5 resolvectl dns 2>&1 9>&-) ||
		refuse "systemd-resolved runs here and cannot be asked (resolvectl dns: ${said:-no answer within 5 s});" \
			"mend that, or set dns.method to none"
	for server in $(printf '%s\n' "$said" | sed -n 's/^Global: *//p'); do
		server=${server%%[#%]*}
		case $ours in *" $server "*) continue ;; esac
		# Nameservers from a resolv.conf that is now a link to its own file do not count: it forgets them at its next start.
		! lies_in "$TARGET" /run/systemd/resolve || resolved_is_told "$server" || continue
		others="$others $server"
	done
	[ -z "$others" ] ||
		refuse "systemd-resolved has global nameservers (${others# }), from which it cannot keep the cluster's apart;" \
			"give them to a link (DNS= in its .network file, nameservers in netplan), or set dns.method to resolvconf or none"
	# Programs would not ask systemd-resolved: glibc would ask the nameservers of this list in turn, the cluster's first.
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

# resolved_runs: looks anew, unlike active. D-Bus starts it for any call (resolvectl), so a call while an admin stops it would cancel
# the stop. Exit code 3 or 4: it does not run (systemctl(1)).
resolved_runs() { timeout 5 systemctl is-active systemd-resolved >/dev/null 2>&1 9>&-; }

# Our nameservers have to be global ones. systemd-resolved asks the global nameservers and those of links for every name that no
# domain claims, and a dead gateway would then delay every "no such name". So links with nameservers claim all names (the routing
# domain ~.). The cluster's domains are longer and still come to us (resolvectl(1), systemd-resolved.service(8)).
resolved_drift() {
	unclaimed_links | sed 's/ .*//;s/.*/~ link &: its nameservers are asked for every name but those of the cluster/'
}

# unclaimed_links: prints the links that have to claim all names, each with its domains: "LINK DOMAIN…". Prints none if a link claims
# all names without us, as a VPN's may: then the global nameservers are not asked for them, and a claim on another link would send the
# VPN's names there. With "ours" as the argument: prints the links that we claimed, if such a VPN is up.
unclaimed_links() {
	resolved_runs
	case $? in
	0) ;;
	3 | 4) return 0 ;;
	*) return 1 ;;
	esac
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

# Notes which links we claim before it claims them. It does not note their other domains, because people change them.
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

# resolved_release [KEPT [OF]]: ends the claim to all names of the links that we claimed (or that the file OF lists), except those that
# the file KEPT lists.
resolved_release() {
	[ -s "${2:-$LINKS}" ] || return 0
	runs=
	! resolved_runs || runs=1
	while read -r link _; do
		if [ -n "${1:-}" ] && grep -qxF "$link" "$1"; then continue; fi
		[ -n "$runs" ] || { forget_claim "$link" && continue; }
		claimed='' kept=''
		for domain in $(timeout 5 resolvectl domain "$link" 2>/dev/null 9>&- | sed 's/^Link [^:]*: *//'); do
			if [ "$domain" = '~.' ]; then claimed=1; else kept="$kept $domain"; fi
		done
		# shellcheck disable=SC2086 # a list of domains; an empty word stands for an empty list
		[ -z "$claimed" ] || timeout 5 resolvectl domain "$link" ${kept:-''} 2>/dev/null 9>&-
	done <"${2:-$LINKS}"
	return 0
}

# forget_claim LINK: the same while systemd-resolved does not run, because a call to it would start it. The domains of a link wait for
# its next start: with systemd-networkd if that manages the link, otherwise in a file.
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

# sh runs the installed script, as it runs the upload: where only known programs may run, both may, or neither.
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

# DHCP clients rewrite resolv.conf at every renewal. This unit puts the names back at once, before the timer does.
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

# plan_recovery: plans what has to be on disk before the first change, and is removed last: the script, and the units that run it.
# Links enable the units, as systemctl(1) would, so that an undo treats them like files.
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

# arm: installs and starts the recovery. From then on this machine undoes the change by itself, even after a power cut.
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

# stop_units: stops only the units that start the service, because the service that may run this must not stop itself.
stop_units() {
	# shellcheck disable=SC2086 # a list of units
	timeout -k 2 $RELOAD_LIMIT systemctl stop $UNITS 2>/dev/null 9>&-
	# systemd remembers a failed service even when its file is gone.
	timeout -k 2 $RELOAD_LIMIT systemctl reset-failed pod-gateway.service 2>/dev/null 9>&- || :
}

# --- the transaction: what was before, and the way back to it ---

# take_lock SECONDS: returns $BUSY if another run holds the lock, and another code if it cannot be taken.
# The run that held the lock may remove the file. Then the lock is a new file.
take_lock() {
	[ -d $RUN ] || mkdir -m 700 $RUN 2>/dev/null
	[ -d $RUN ] && [ ! -L $RUN ] && [ -O $RUN ] || return 1
	while :; do
		true >>$LOCK || return 1
		exec 9>>$LOCK
		flock -E $BUSY -w "$1" 9 || return
		# shellcheck disable=SC3013 # dash and bash have -ef, and no other tool can see the descriptors of this very process
		if [ $LOCK -ef /dev/fd/9 ]; then break; fi
	done
	[ -e $OLD_LOCK ] && is_old_layout || return 0
	exec 8>>$OLD_LOCK
	flock -E $BUSY -w "$1" 8
}

# snapshot VERB: notes what is there before, and prepares every file, so that the change and its undo are only renames. Fails if there
# is no room for it.
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
	# This run has not touched the resolver so far. A transaction that another run left may have.
	UNFINISHED=1 NAMES_UNTOUCHED=1
	[ -z "$UNWRITTEN" ] && seal_journal && prepare_files && make_durable
}
# missing_folders FOLDER: prints the folders that do not exist and are not in $MADE yet, the outer ones first.
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

# read_journal: copies the journal to $WORK/journal, without its seal, and its parts to $WORK/entries, $WORK/routes.before and
# $WORK/claimed. Fails if the journal is damaged.
read_journal() {
	sed '$d' "$PENDING" >"$WORK/journal" && sum=$(sha256sum <"$WORK/journal") || return 1
	[ "$(tail -n 1 "$PENDING")" = "end ${sum%% *}" ] || return 1
	sed -n 's/^entry //p' "$WORK/journal" >"$WORK/entries" && sed -n 's/^route //p' "$WORK/journal" >"$WORK/routes.before" &&
		sed -n 's/^claimed //p' "$WORK/journal" >"$WORK/claimed"
}
journal_field() { sed -n "s/^$1 //p" "$WORK/journal"; }

# undo: brings the machine back to what the journal says. Does all that can be done, then compares. If something is missing, it is in
# $WORK/missing, and the journal, the script and the units stay. May be repeated.
undo() {
	# If /run is full, even the list of what is missing cannot be written. That counts as a failure.
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
	# After a reboot our routes are gone, and reapply sets the desired ones. So routes are undone only in the same boot.
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
	# The units go last, when nothing is left to repair.
	see_repairs || return 1
	if [ -n "$repairs" ]; then
		[ -z "$new_timer" ] || stop_units
		undo_files recovery
		reload_units || echo 'systemd did not read its units anew (systemctl daemon-reload)' >>"$WORK/missing"
		compare_undone recovery
		nothing_missing || return 1
		# The script goes after the units that run it.
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

# undo_files CLASS…: puts the files of these classes back.
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
			# Another program wrote resolv.conf since: another text, or our text again after the old file was already back in its place.
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
# strip_block FILE: another program has written this file since; its text stays, without our block.
strip_block() {
	grep -qs "^$BLOCK_BEGIN" "$1" || return 0
	without_block "$1" >"$WORK/stripped" && beside "$1" new && cp -afT --attributes-only "$1" "$beside" &&
		cat "$WORK/stripped" >"$beside" && sync "$beside" && mv -fT "$beside" "$1"
}

# compare_undone CLASS…: adds to $WORK/missing what is not as it was before.
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
	# The checksums that resolv.conf may have after an undo. The old contents may have the block of the deployment before.
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

# finish: ends the transaction. Its one rename is the commit.
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

# tidy: removes the second names of files.
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

# sweep: removes temporary files that a run left behind, also those of older versions.
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

# settle WHY: puts in order what an earlier run left: undoes an unfinished transaction, and tidies up after a finished one.
settle() {
	tidy
	if [ ! -e "$PENDING" ]; then
		sweep && forget_incomplete
		# If nothing is deployed, a cut in a first deployment or in a removal may have left the script and the units.
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

# incomplete: says what an undo could not put back. Everything that can put it back is still there.
incomplete() {
	still_missing
	cp "$WORK/missing" "$RUN/incomplete" 2>/dev/null
	again='tried again every 15 s'
	[ -L $TIMER_LINK ] || again="tried again by the next run; by hand: $INSTALLED rollback, or $UPLOADED-* restore"
	say "the rollback is incomplete ($again); still to be done: $still"
	journal "rollback incomplete: $still"
}
# still_missing: sets $still to the lines of $WORK/missing, joined into one. If /run is full, that file may be empty.
still_missing() {
	still=
	if [ -s "$WORK/missing" ]; then
		while IFS= read -r line; do still="$still${still:+;}$line"; done <"$WORK/missing"
	fi
	still=${still:-what is there could not be compared; is /run full?}
}
# outcome_incomplete rollback|restore: prints the outcome: which of both is incomplete, and what is missing.
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

# Undoes an unfinished transaction, however the run ends. If the run is killed, systemd calls settle instead.
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

# outside_names: prints the names of verify-outside that resolve now.
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
# why_silent: prints what ping said besides its statistics: a router's message, or why it could not even send.
why_silent() {
	said=$(printf '%s\n' "$said" | grep -e '^From ' -e '^ping' -e 'connect:' | tail -n 1)
	echo "${said:+ ($said)}"
}

# dns_answers PROTOCOL SERVER NAME: whether the nameserver itself answers without error, past every cache (RFC 1035, section 4).
# cat sends the query in one piece. The shell would send it line by line, and a newline (10) is in it as the length of "kubernetes".
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
# why_unanswered: prints what came instead of a good answer. The last digit of the flags is the response code (RFC 1035, section 4.1.1).
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
	*) echo " (the reply is not a nameserver's: $reply)" ;;
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

# verify: makes the cheapest checks first. Says which check failed, and for which name or address.
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
	none) echo 'dns.method is none, so that something else has to resolve the names of the cluster here' ;;
	dnsmasq) echo 'the nameserver of the cluster was asked; look at what dnsmasq made of its answer: journalctl -u dnsmasq' ;;
	*) echo "$method resolves the names here" ;;
	esac
}

# paths_unchanged: whether the paths to the operator, the nameservers in use and the SSH logins are as before. $WORK/paths has those.
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

# say_unprobed_routes: names the routes behind which no pod was probed, so that people can have pods there verified, too.
say_unprobed_routes() {
	[ -s "$WORK/probed" ] || return 0
	awk -v stack="$STACK" "$PREFIXES"'
		FILENAME == ARGV[1] { b = network($1); for (l = 1; l <= length(b); l++) probed[substr(b, 1, l)]; next }
		$2 == stack && !(network($1) in probed) { n++; if (n <= 8) list = list " " $1 }
		END { if (n) print list (n > 8 ? " and " n - 8 " more" : "") }' "$WORK/probed" "$WORK/owners" >"$WORK/unprobed"
	[ ! -s "$WORK/unprobed" ] || say "no pod was probed behind$(cat "$WORK/unprobed")"
}

# --- who deployed what, and when: for audits, and for people who find their server changed ---

# The digests are the SHA-256 of the desired state. "before" is empty in the record of a first deployment.
record() {
	before=
	if [ -n "$MINE" ]; then seen_sum "$MINE" && before=$sum; fi
	json "$STACK"
	printf '{"at":"%s","by":"%s","stack":"%s","version":"%s","before":"%s","after":"%s"}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
		"$BY" "$json" "$VERSION" "$before" "$DIGEST"
}

# record_file STACK: sets $record to the file with its record, or to nothing if it has none.
record_file() {
	stack_folder "$1"
	record=$folder/record.json
	[ -s "$record" ] || { is_old_layout && [ "$(stack_of "$STATE/desired")" = "$1" ] && record=$STATE/record.json; }
	[ -s "$record" ] || record=
}

# result RESULT: prints the last line of an apply, for programs.
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

# plan_server FILE…: plans everything that these desired states together want of this server.
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

# plan_stack: plans the files that keep this stack's desired state, and moves the state of an older version.
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

# plan_notes: plans the notes of a change: the record of who made it, and what plan_written plans.
plan_notes() {
	want state "$folder/record.json" && record >"$want" && plan_written
}

# plan_written: plans a note of the files as we write them, to recognize a later edit, and of the folders that are new.
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
		# Older versions let systemctl(1) make this folder.
		! is_old_layout || note_folder "${PATH_LINK%/*}"
		while read -r class _ _ _ _ path; do [ "$class" = state ] || missing_folders "${path%/*}"; done <"$WORK/changes"
	} >>"$notes"
}

note_folder() {
	case $MADE in *" $1 "*) return 0 ;; esac
	MADE="$MADE$1 "
	echo "folder $1"
}

# plan_apply: plans, and compares the plan with what is there. Afterwards in_force says whether nothing has to change.
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

# preview: prints the difference, for people, and marks the routes of other stacks.
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
	plan_apply || refuse 'the difference could not be computed'
	if in_force; then
		say 'no change'
		result unchanged
		return
	fi
	guards
	preview
	result would-change
}

# begin_turn: takes the lock, and first settles what an earlier run left.
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
# A version that knew only one stack has a journal of its own, which only its own script can read.
settle_older_version() {
	exec 8>&-
	[ ! -f $INSTALLED ] || timeout 60 /bin/sh $INSTALLED rollback >&2 9>&-
	[ ! -d "$STATE/pending" ] || refuse "a transaction of an older version is unfinished ($STATE/pending); $INSTALLED rollback ends it"
}

apply() {
	begin_turn
	plan_apply || refuse 'the difference could not be computed; is there room in /run?'
	if in_force; then
		say 'no change'
		result unchanged
		return
	fi
	guards
	deadline=$((started + ROLLBACK_AFTER - 10))
	note_paths || refuse 'the present paths could not be noted'
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

# refuse_prepared: refuses because there was no room, or because a file cannot be replaced. Only preparations were made; undo removes
# them.
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
# unready: prints which file cannot be replaced, and how to find out why.
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

# look_again: checks once more that everything is as planned, and puts back what another program has removed meanwhile.
look_again() {
	blind=0
	until seen_in_force; do
		now
		[ "$now" -lt "$deadline" ] || return 1
		# Gives up after five looks in a row that failed (/run is full), before the time is over.
		if [ -n "$LOOKED" ]; then blind=0; else blind=$((blind + 1)); fi
		[ $blind -lt 5 ] || { say 'the change cannot be checked; is /run full?'; return 1; }
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

# put_back: puts back what another program has removed since, and leaves alone what is as desired.
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
	# resolv.conf may have other lines by now, to which our block has to be added.
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
		# If this run ends before the resolver has read its files, the next run makes it read them.
		! changed names || true >$UNTOLD || return 1
		for class in tool recovery state names; do put_class $class || return 1; done
		[ -n "$UNFINISHED" ] || drop_second_names || return 1
		say "put back$put_paths"
		if changed recovery; then reload_units || return 1; fi
	fi
	if [ -e $UNTOLD ]; then "${server_method}_reload" && rm -f $UNTOLD || return 1; fi
	# A later look compares with the new contents, even if nothing had to be put back.
	if [ -n "$UNFINISHED" ]; then
		lines_but plan.others '^names ' "$WORK/plan.kept" && cat "$WORK/plan.others" >>"$WORK/plan" &&
			cp "$WORK/plan" "$WORK/plan.kept" || return 1
	fi
	"${server_method}_mend"
}
# In a transaction, contents that another program wrote meanwhile count as the contents before.
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

# remove_uploads: removes the uploaded copies of this script, root's and the user's, except the one that runs.
remove_uploads() {
	home=/root
	[ -z "${SUDO_USER:-}" ] || home=$(getent passwd "$SUDO_USER" | cut -d : -f 6)
	find "${UPLOADED%/*}" "${home:-/root}" -maxdepth 1 -type f \( -path "$UPLOADED-*" -o -name '.pod-gateway-host-*' \) \
		! -path "${UPLOAD:-none}" -delete
}

# --- restore: the way out ---

# choose_stacks: sets GOING to the stacks to remove, and STACK to a name for them.
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
	# The note of the folders stays until they are gone, too.
	[ -z "$COMMITTED" ] || { plan_written && compare_plan; }
}

dry_restore() {
	plan_restore || refuse 'the difference could not be computed'
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
	plan_restore || refuse 'what to remove could not be determined'
	if [ -s "$WORK/changes" ] || ! cmp -s "$WORK/wanted" "$WORK/routes.before"; then
		# The transaction removes everything except the script and the units that repair. Those go last, when it is over.
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

# not_removed: says that the deployment is removed, but not all of the script and the units that repaired it.
not_removed() {
	left_over >"$WORK/missing"
	again=$INSTALLED
	[ -e $INSTALLED ] || again='the script'
	say "the restore is incomplete: the deployment is removed, but not the files that repair it: $(join ';' <"$WORK/missing"); run" \
		"$again restore once more"
	journal "restore incomplete: $(join ';' <"$WORK/missing")"
	outcome_incomplete restore
	exit 1
}

take_back() {
	# The recovery's files, of whatever version, stay as they are until the transaction is over.
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
	without_recovery plan || fail 'the removal cannot be checked'
	seen_in_force || fail 'not everything went away'
	finish || fail 'could not commit'
	for name in $GOING; do
		stack_folder "$name"
		remove_folders "$folder"
	done
}
# without_recovery plan|changes: removes the lines of the script and the units from that list.
without_recovery() { lines_but plan_kept -e '^recovery ' -e '^tool ' "$WORK/$1" && mv -f "$WORK/plan_kept" "$WORK/$1"; }
release_owner() {
	changed names || return 0
	for owner in $OWNERS; do
		case " $previous_method $server_method " in *" $owner "*) "${owner}_reload" || return 1 ;; esac
	done
}

# remove_recovery: removes the units, the script, and the folders that were made for us, once nothing is deployed and nothing has to
# be undone. Any run may repeat it: the list of folders goes last. What a power cut leaves of all this has no effect.
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
# left_over: prints a line for each thing that remove_recovery removes and that is still there.
left_over() {
	for path in $PATH_LINK $TIMER_LINK $SERVICE_LINK $PATH_FILE $TIMER_FILE $SERVICE_FILE $PROTOCOL_FILE $INSTALLED "$STATE"; do
		[ ! -e "$path" ] && [ ! -L "$path" ] || echo "$path is still there"
	done
}
is_empty() {
	[ -d "$1" ] || return 1
	for entry in "$1"/* "$1"/.[!.]*; do [ ! -e "$entry" ] || return 1; done
}

# --- reapply: puts back what something else removed; run by the timer, by the path unit and at boot ---

reapply() {
	[ -z "${JOURNAL_STREAM:-}" ] || LEVEL='<4>'
	take_lock 0
	case $? in
	0) ;;
	"$BUSY") return 0 ;; # a transaction is under way; the timer tries again
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
	# Notes the new owner's files before they are written, so that a restore can remove them.
	[ -z "$LEFT" ] || { plan_written && compare_plan; } || exit 1
	put_back || exit 1
	[ -z "$LEFT" ] || leave_owner || exit 1
	true >$SEEN
}

# owner_is_settled: if another program decides about resolv.conf than before, two runs in a row have to see it, because a resolver
# that restarts is gone for a moment. Then the names move to the new owner, and $LEFT is the old one.
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
		say "resolv.conf now belongs to $server_method and not to $noted; the cluster's names move there in a moment"
		own_routes "$WORK/routes.now" && { cmp -s "$WORK/wanted" "$WORK/routes.now" || set_routes_back "$WORK/wanted"; }
		return 1
	fi
	("${server_method}_fits") >/dev/null || {
		say "$server_method cannot take the names of the cluster here; the next pulumi up says what to do"
		return 1
	}
	LEFT=$noted
}

# leave_owner: removes the names from the old owner, once the new one has them. The move ends when the new method is noted.
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

# under_way: whether a run is at work. Only root can ask the lock. For other users the answer is yes, so that their exit code does
# not report an unfinished transaction.
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

# in_service VERB SECONDS: runs the verb in a service of its own. systemd ends the service's processes after that time. When the
# service has ended, for whatever reason, systemd settles its unfinished transaction. This process only passes on what it says.
in_service() {
	for tool in ip systemctl systemd-run flock timeout getent sync sha256sum find; do
		command -v $tool >/dev/null || refuse "there is no $tool on this server"
	done
	{
		cat "$SELF" >"$WORK/script" && echo $$ >"$WORK/front" &&
			printf '%s\n' "$OPERATOR" "${SSH_PORT:-22}" "$BY" "${SUDO_USER:-}" "$SELF" "$ONLY" "$EVERY" >"$WORK/request"
	} || refuse 'there is no room in /run'
	# The run needs this folder until it ends. The last of both processes removes it.
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

# target: sets $TARGET to the file that resolv.conf leads to. Every verb needs it.
target() {
	TARGET=$(readlink -m $RESOLV_CONF) || refuse "cannot tell where $RESOLV_CONF leads (readlink)"
}

# read_request: reads what the process that started this service knows.
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
	# systemd calls this after each run. Usually there is nothing to do.
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
# apply and restore run in a service, which calls target itself.
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
