#!/bin/sh
# pod-gateway: the routes and nameserver configuration of one physical server, changed in one transaction.
#
#   server-network.sh apply             reads the desired state on standard input, applies it, verifies, commits or rolls back
#   server-network.sh apply --dry-run   prints the exact difference and changes nothing
#   server-network.sh restore           takes everything of pod-gateway's away; the server is as it was before
#   server-network.sh reapply           puts back what somebody took away (run by pod-gateway.timer and at boot)
#   server-network.sh rollback          undoes an unfinished transaction (run by the rollback timer)
#   server-network.sh status            prints the state in force
#   server-network.sh detect            prints the method that "dns-method auto" comes to here
#
# Needs systemd, iproute2, util-linux's flock, coreutils, awk, sed and grep, and root: another user is helped by sudo, where it may.
# With bash the nameserver is asked directly, with ping the pods are; with diffutils a dry run shows the lines of files.
# Messages for people go to standard error; the last line on standard output is JSON. What was done, and by whom, is a line of the
# journal (journalctl -t pod-gateway); the last deployment is also in /var/lib/pod-gateway/record.json.
# Exit codes: 0 done (or nothing to do), 1 failed and rolled back, 2 refused before any change.
#
# The model is Junos' `commit confirmed`: a timer on this very machine undoes the change unless it is committed in time, so that a
# lost connection, a killed session or a dead operator's machine leaves the server as it was.
set -u
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
VERSION=0.1.0

# Our routes carry a protocol number of their own (rtnetlink(7), rtm_protocol; 4 to 255 are free for user space).
PROTOCOL=157
STATE=${POD_GATEWAY_STATE:-/var/lib/pod-gateway}
INSTALLED=/usr/local/sbin/pod-gateway-host
UPLOADED=/usr/local/lib/pod-gateway-host
BACKUPS=/var/backups/pod-gateway
LOCK=/run/pod-gateway.lock
# Its time is when everything was last seen to be as desired.
SEEN=/run/pod-gateway.in-force
LINKS=$STATE/links
PENDING=$STATE/pending
COMMITTED=$STATE/desired
RECORD=$STATE/record.json
ROLLBACK_UNIT=pod-gateway-rollback

PROTOCOL_FILE=/etc/iproute2/rt_protos.d/pod-gateway.conf
SERVICE_FILE=/etc/systemd/system/pod-gateway.service
TIMER_FILE=/etc/systemd/system/pod-gateway.timer
PATH_FILE=/etc/systemd/system/pod-gateway.path
UNITS='pod-gateway.timer pod-gateway.path'
RESOLVED_FILE=/etc/systemd/resolved.conf.d/pod-gateway.conf
NM_FILE=/etc/NetworkManager/conf.d/90-pod-gateway.conf
NM_DNSMASQ_FILE=/etc/NetworkManager/dnsmasq.d/pod-gateway.conf
DNSMASQ_FILE=/etc/dnsmasq.d/pod-gateway.conf
RESOLV_CONF=/etc/resolv.conf
DNS_FILES="$RESOLVED_FILE $NM_FILE $NM_DNSMASQ_FILE $DNSMASQ_FILE"
OWN_FILES="$INSTALLED $PROTOCOL_FILE $SERVICE_FILE $TIMER_FILE $PATH_FILE $DNS_FILES"
BLOCK_BEGIN='# pod-gateway begin'
BLOCK_END='# pod-gateway end'
HELD_BACK='# held back by pod-gateway: '

say() { printf 'pod-gateway: %s\n' "$*" >&2; }
refuse() {
	say "refused, nothing was changed: $*"
	outcome refused
	exit 2
}
outcome() { printf '{"result":"%s"}\n' "$1"; }
# A line of the journal, for whoever asks later what was done here.
journal() { timeout 5 systemd-cat -t pod-gateway -p notice echo "$*" 9>&- || say 'the journal did not take its line'; }

# --- who runs this ---

# Goes on as root. sudo keeps the user's standard input, and asks for no password here: nobody is there to type it.
be_root() {
	[ "$(id -u)" -ne 0 ] || return 0
	if command -v sudo >/dev/null && sudo -n -l /bin/sh "$SELF" "$@" >/dev/null 2>&1; then
		rm -rf "$WORK"
		exec sudo -n /bin/sh "$SELF" "$@"
	fi
	refuse "this needs root: log in as root, or install sudo and put this line into /etc/sudoers.d/pod-gateway:
$(id -un) ALL=(root) NOPASSWD: /bin/sh ${HOME:-/home/$(id -un)}/.pod-gateway-host-*, /bin/sh $INSTALLED *"
}

# The address that the operator comes from. sudo takes it out of the environment, so the processes above are asked (proc(5)).
operator_address() {
	connection=${SSH_CONNECTION:-}
	pid=$$
	while [ -z "$connection" ] && [ "${pid:-0}" -gt 1 ]; do
		connection=$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^SSH_CONNECTION=//p')
		pid=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$pid/status")
	done 2>/dev/null
	connection=${connection%% *}
	echo "${connection%%\%*}"
}

# Who runs this: the user who logged in, and from where. Example: netops@10.200.0.10.
who() { printf '%s' "${SUDO_USER:-$(id -un)}${OPERATOR:+@$OPERATOR}" | tr -cd 'A-Za-z0-9._:@-'; }

header() {
	printf '# Written by pod-gateway (stack %s). Undo everything with: %s restore\n' "$(field "$1" stack)" "$INSTALLED"
}

# --- the desired state: plain lines, a keyword and its values ---

# field FILE KEYWORD: the value of the first such line.
field() { sed -n "s/^$2 //p" "$1" | head -n 1; }
fields() { sed -n "s/^$2 //p" "$1"; }

# Reads standard input into FILE. A cut connection must never pass for a shorter desired state: the last line has to be
# rollback-after, and it has to end in a newline.
read_desired() {
	cat >"$1"
	[ "$(head -n 1 "$1")" = 'pod-gateway 1' ] || refuse "the desired state does not begin with 'pod-gateway 1'"
	[ -z "$(tail -c 1 "$1" | tr -d '\n')" ] || refuse 'the desired state is cut off'
	unknown=$(grep -vE '^(pod-gateway 1|(stack|server|domain|reverse-zone|search) [^ ]+|nameserver [0-9a-fA-F.:]+|route [0-9a-fA-F.:]+/[0-9]+( via [0-9a-fA-F.:]+)+|dns-method (auto|resolved|networkmanager|dnsmasq|resolvconf|none)|verify (strict|warn|off)|verify-(name|pods) [^ ]+( [0-9a-fA-F.:]+/[0-9]+)+|verify-outside [^ ]+|rollback-after [0-9]+)$' "$1" | head -n 1)
	[ -z "$unknown" ] || refuse "this line of the desired state is not understood: $unknown"
	case $(tail -n 1 "$1") in
	'rollback-after '*) ;;
	*) refuse 'the desired state is cut off: its last line is not rollback-after' ;;
	esac
	seconds=$(field "$1" rollback-after)
	{ [ "$seconds" -ge 20 ] && [ "$seconds" -le 120 ]; } || refuse "rollback-after is $seconds; it must be 20 to 120 seconds"
}

# --- routes ---

family() { case $1 in *:*) echo 6 ;; *) echo 4 ;; esac; }

# One route a line as in the desired state ("PREFIX via A via B"), whatever iproute2 prints around it.
normal_routes() {
	awk '{
		line = $1; if (line !~ /\//) line = line (line ~ /:/ ? "/128" : "/32")
		for (i = 2; i < NF; i++) if ($i == "via") line = line " via " ($(i + 1) ~ /^inet6?$/ ? $(i + 2) : $(i + 1))
		print line
	}' | sort
}
own_routes() { { ip -o -4 route show proto $PROTOCOL && ip -o -6 route show proto $PROTOCOL; } 2>/dev/null | normal_routes; }
wanted_routes() { fields "$1" route | sort; }

# ip(8) arguments for the next hops of a route line.
next_hops() {
	case $# in
	3) printf 'via %s' "$3" ;;
	*)
		shift
		while [ $# -ge 2 ]; do
			printf 'nexthop via %s ' "$2"
			shift 2
		done
		;;
	esac
}

# route_batch WANTED CURRENT: the ip(8) batch lines, with the family first, that turn one list into the other. What stays is not
# touched; a changed next hop is one atomic replace.
route_batch() {
	wanted=$1
	current=$2
	comm -23 "$wanted" "$current" | while read -r line; do
		# shellcheck disable=SC2086 # the line is words by contract, and read_desired let nothing else in
		set -- $line
		verb=add
		cut -d ' ' -f 1 "$current" | grep -qxF "$1" && verb=replace
		printf '%s route %s %s proto %s %s\n' "$(family "$1")" "$verb" "$1" "$PROTOCOL" "$(next_hops "$@")"
	done
	cut -d ' ' -f 1 "$current" | while read -r prefix; do
		cut -d ' ' -f 1 "$wanted" | grep -qxF "$prefix" ||
			printf '%s route del %s proto %s\n' "$(family "$prefix")" "$prefix" "$PROTOCOL"
	done
}

# set_routes WANTED: makes the routes of ours be exactly those in the file.
set_routes() {
	own_routes >"$WORK/routes.now"
	route_batch "$1" "$WORK/routes.now" >"$WORK/batch"
	for f in 4 6; do
		sed -n "s/^$f //p" "$WORK/batch" >"$WORK/batch.$f"
		[ ! -s "$WORK/batch.$f" ] || ip "-$f" -batch "$WORK/batch.$f" >&2 || return 1
	done
}

# Prefixes in awk, both families: bits(ADDRESS) as a text of 0 and 1, covers(PREFIX, PREFIX OR ADDRESS).
PREFIXES='
	function binary(n, width,   s) { s = ""; while (width-- > 0) { s = (n % 2) s; n = int(n / 2) } return s }
	function hex(h,   i, v) { v = 0; h = tolower(h); for (i = 1; i <= length(h); i++) v = v * 16 + index("0123456789abcdef", substr(h, i, 1)) - 1; return v }
	function bits(a,   part, n, i, s, head, tail, missing) {
		s = ""
		if (a !~ /:/) { n = split(a, part, "."); for (i = 1; i <= n; i++) s = s binary(part[i], 8); return s }
		n = index(a, "::")
		if (n) {
			head = substr(a, 1, n - 1); tail = substr(a, n + 2)
			missing = 8 - (head == "" ? 0 : split(head, part, ":")) - (tail == "" ? 0 : split(tail, part, ":"))
			a = head; while (missing-- > 0) a = a (a == "" ? "0" : ":0")
			if (tail != "") a = a ":" tail
		}
		n = split(a, part, ":")
		for (i = 1; i <= n; i++) s = s binary(hex(part[i]), 16)
		return s
	}
	function network(p,   part) { split(p, part, "/"); return bits(part[1]) }
	function covers(p, q,   a, b, w, part) {
		a = network(p); b = network(q)
		w = split(p, part, "/") > 1 ? part[2] : length(a)
		return length(a) == length(b) && w <= (split(q, part, "/") > 1 ? part[2] : length(b)) && substr(a, 1, w) == substr(b, 1, w)
	}
'
# in_prefixes ADDRESS PREFIX…: tells whether the address lies in one of the prefixes.
in_prefixes() {
	address=$1
	shift
	printf '%s\n' "$@" | awk -v address="$address" "$PREFIXES"' covers($1, address) { found = 1 } END { exit !found }'
}

# Routes of a family in a plain form: PREFIX, and then what iproute2 says of it. Types other than unicast stand in front.
plain_routes() {
	ip -o "-$1" route show | awk -v all="$([ "$1" = 4 ] && echo 0.0.0.0/0 || echo ::/0)" '
		{ type = ""; if ($1 !~ /^(default$|[0-9a-f]*[.:])/) { type = $1; sub(/^[^ ]+ /, "") } }
		$1 == "default" { $1 = all }
		$1 !~ /\// { $1 = $1 ($1 ~ /:/ ? "/128" : "/32") }
		{ print $0, type }'
}

# What the program could not know: this machine's own addresses, networks and other routes. Refusing here costs nothing yet.
guard_routes() {
	{ plain_routes 4 && plain_routes 6; } >"$WORK/routes.all"
	{
		{ ip -o -4 addr show && ip -o -6 addr show; } | awk '{ sub(/\/.*/, "", $4); print "address", $4, "an address of this server" }'
		awk '$1 ~ /\/0$/ { for (i = 2; i < NF; i++) if ($i == "via") print "address", ($(i + 1) ~ /^inet6?$/ ? $(i + 2) : $(i + 1)), "its default gateway" }' "$WORK/routes.all"
		[ -z "$OPERATOR" ] || echo "address $OPERATOR the operator"
		# Networks it is connected to, bridges of containers and VMs among them, also those that are down.
		awk '!/ via / && / dev / && $1 !~ /\/0$/ { print "network", $1, $0 }' "$WORK/routes.all"
		awk -v ours="$PROTOCOL" '!($0 ~ " proto (" ours "|pod-gateway)( |$)") { print "route", $1, $0 }' "$WORK/routes.all"
		wanted_routes "$1" | sed 's/^/wanted /'
	} | awk "$PREFIXES"'
		$1 != "wanted" { kind[++n] = $1; target[n] = $2; $1 = $2 = ""; sub(/^ */, ""); text[n] = $0; next }
		{
			for (i = 1; i <= n; i++) {
				if (kind[i] == "address" && covers($2, target[i])) print "the route " $2 " covers " target[i] ", " text[i]
				if (kind[i] == "network" && (covers($2, target[i]) || covers(target[i], $2))) print "the route " $2 " overlaps " target[i] ", a network this server is connected to"
				if (kind[i] == "route" && $2 == target[i]) print "a route for " $2 " that is not ours is there already: " text[i] "; remove it or leave that prefix out"
			}
		}' >"$WORK/problems"
	[ ! -s "$WORK/problems" ] || refuse "$(cat "$WORK/problems")"
}

# --- names ---

active() { systemctl --quiet is-active "$1" 2>/dev/null; }

# Who decides what resolv.conf says (cf. Tailscale's net/dns/manager_linux.go), by who runs, where the link leads and what the
# file says. Split DNS where the owner can do it.
dns_owner() {
	link=$(readlink -f $RESOLV_CONF)
	if active systemd-resolved && { lies_in "$link" /run/systemd/resolve || names 127.0.0.53; }; then
		echo resolved
	elif active NetworkManager && { lies_in "$link" /run/NetworkManager || grep -q '^# Generated by NetworkManager' $RESOLV_CONF; }; then
		echo networkmanager
	elif active dnsmasq && { names 127.0.0.1 || names 127.0.1.1 || names ::1; }; then
		echo dnsmasq
	else
		echo resolvconf
	fi 2>/dev/null
}
lies_in() { case $1 in "$2"/*) ;; *) return 1 ;; esac }
# names ADDRESS: whether resolv.conf has that nameserver.
names() { awk -v address="$1" '$1 == "nameserver" && $2 == address { found = 1 } END { exit !found }' $RESOLV_CONF; }

# can_do METHOD: refuses a method that would not do here what it says.
can_do() {
	case $1 in
	resolved)
		active systemd-resolved || refuse 'dns.method is resolved, but systemd-resolved does not run here'
		# Its global nameservers are one list of equals: each would be asked for the cluster's names and for all others.
		others=$(resolvectl dns 2>/dev/null | sed -n 's/^Global: *//p' | tr ' ' '\n' | sed 's/[#%].*//' | grep . |
			grep -vxF "$({ cat "$WORK/desired" "$COMMITTED" 2>/dev/null | sed -n 's/^nameserver //p'; echo none; })" | join ' ')
		[ -z "$others" ] || refuse "systemd-resolved has global nameservers ($others), from which it cannot keep the cluster's apart; give them to a link (DNS= in its .network file, nameservers in netplan), or set dns.method to resolvconf or none"
		;;
	networkmanager) active NetworkManager || refuse 'dns.method is networkmanager, but NetworkManager does not run here' ;;
	dnsmasq)
		active dnsmasq || refuse 'dns.method is dnsmasq, but dnsmasq does not run here'
		[ -d "$(dirname $DNSMASQ_FILE)" ] || refuse "dnsmasq has no folder $(dirname $DNSMASQ_FILE) here; set dns.method to resolvconf or none"
		;;
	esac
}

# dns_method DESIRED: the method to use. A server we configured before keeps its method as long as it is "auto": our own
# configuration must not change what is detected.
dns_method() {
	method=$(field "$1" dns-method)
	if [ "$method" = auto ]; then
		method=$(cat "$STATE/method" 2>/dev/null) || method=$(dns_owner)
	fi
	echo "$method"
}

# replace_file PATH: standard input becomes the file in one rename, as root's, readable by all. The folder is made if need be.
replace_file() {
	make_folder "$(dirname "$1")"
	cat >"$1.pod-gateway" && mv -f "$1.pod-gateway" "$1"
}

# Makes a folder and those above it, and notes each one, so that none is left when we go.
make_folder() {
	[ ! -d "$1" ] || return 0
	make_folder "$(dirname "$1")"
	mkdir "$1" && echo "$1" >>"$FOLDERS"
}

dnsmasq_lines() {
	header "$1"
	fields "$1" nameserver | while read -r server; do
		for zone in $(fields "$1" domain) $(fields "$1" reverse-zone); do
			printf 'server=/%s/%s\n' "$zone" "$server"
		done
	done
	# dnsmasq answers reverse queries for private ranges by itself unless told where they live; the lines above do so.
}

# The block for resolv.conf, before the lines of FILE. Of nameservers glibc reads three, of search lists the last; options add up
# (resolv.conf(5)). A rotation would ask the public nameservers for the cluster's names.
resolv_block() {
	printf '%s: written by pod-gateway (stack %s); undo with: %s restore\n' "$BLOCK_BEGIN" "$(field "$1" stack)" "$INSTALLED"
	fields "$1" nameserver | head -n 2 | sed 's/^/nameserver /'
	kept=$(sed -n 's/^options[[:blank:]]*//p' "$2" | tr -s '[:blank:]' '\n' | grep -vE '^(timeout:.*|attempts:.*|rotate|)$' | join ' ')
	echo "options ${kept:+$kept }timeout:1 attempts:2"
	search=$(fields "$1" search)
	[ -z "$search" ] || echo "search $({ sed -nE 's/^(search|domain)[[:blank:]]+//p' "$2" | tail -n 1 | tr -s '[:blank:]' '\n' && echo "$search"; } | awk '!seen[$0]++' | join ' ')"
	echo "$BLOCK_END"
}

# Lines that would get in the block's way are held back behind a mark.
with_block() {
	if [ -e $RESOLV_CONF ]; then without_block $RESOLV_CONF; fi >"$WORK/resolv.conf.base"
	base=$WORK/resolv.conf.base
	resolv_block "$1" "$base"
	room=$((3 - $(fields "$1" nameserver | head -n 2 | wc -l)))
	{
		grep -nE '^nameserver[[:blank:]]' "$base" | tail -n +$((room + 1))
		grep -nE '^options[[:blank:]]' "$base"
		[ -z "$(fields "$1" search)" ] || grep -nE '^(search|domain)[[:blank:]]' "$base"
	} | sed "s/:.*/s|^|$HELD_BACK|/" >"$WORK/hold-back"
	sed -f "$WORK/hold-back" "$base"
}

# The very bytes that were there before. A block whose end somebody took away has no known end: its lines stay.
without_block() {
	end=$BLOCK_END
	grep -q "^$BLOCK_END" "$1" || end=
	sed "${end:+/^$BLOCK_BEGIN/,/^$BLOCK_END/d;}s/^$HELD_BACK//" "$1"
}

# write_through PATH: standard input becomes the contents of PATH's target, keeping owner, mode, labels and any symbolic link.
write_through() {
	target=$(readlink -m "$1")
	if [ -e "$target" ]; then
		cp -a "$target" "$target.pod-gateway" && cat >"$target.pod-gateway" && mv -f "$target.pod-gateway" "$target"
	else
		: >"$STATE/resolv.conf.absent"
		make_folder "$(dirname "$target")" && cat >"$target"
	fi
}

# systemd-resolved asks its global nameservers, where ours have to be, beside those of links for every name that no domain claims;
# a dead gateway would then hold up every «no such name». So links with nameservers claim all names (the routing domain ~.), and
# the cluster's own domains, being longer, still come to us (resolvectl(1), systemd-resolved.service(8)).
unclaimed_links() {
	resolvectl dns 2>/dev/null | sed -n 's/^Link [0-9]* (\(.*\)): *[^ ].*/\1/p' | while read -r link; do
		case $(resolvectl default-route "$link" 2>/dev/null) in
		*': yes') case " $(link_domains "$link") " in *' ~. '*) ;; *) echo "$link" ;; esac ;;
		esac
	done
}
link_domains() { resolvectl domain "$1" 2>/dev/null | sed 's/^Link [^:]*: *//'; }

claim_links() {
	unclaimed_links | while read -r link; do
		domains=$(link_domains "$link")
		{ grep -v "^$link " "$LINKS" 2>/dev/null; echo "$link $domains"; } >"$LINKS.new" && mv "$LINKS.new" "$LINKS"
		# shellcheck disable=SC2086 # a list of domains
		resolvectl domain "$link" $domains '~.'
	done
}

release_links() {
	[ -e "$LINKS" ] || return 0
	while read -r link domains; do
		# shellcheck disable=SC2086 # a list of domains; an empty one is said by an empty word
		resolvectl domain "$link" ${domains:-''} 2>/dev/null
	done <"$LINKS"
	rm -f "$LINKS"
}

resolved_conf() {
	header "$1"
	echo '[Resolve]'
	echo "DNS=$(fields "$1" nameserver | join ' ')"
	echo "Domains=$({ fields "$1" search && { fields "$1" domain && fields "$1" reverse-zone; } | sed 's/^/~/'; } | join ' ')"
}

# Where NetworkManager has no splitting resolver: the cluster's nameserver goes first, the ones in force now follow, three in all.
nm_global_conf() {
	header "$1"
	printf '[global-dns]\noptions=timeout:1,attempts:2\n'
	search=$(fields "$1" search)
	[ -z "$search" ] || echo "searches=$({ sed -n 's/^search //p' $RESOLV_CONF | tr ' ' '\n' && echo "$search"; } | awk '!seen[$0]++' | join ,)"
	printf '[global-dns-domain-*]\n'
	echo "servers=$({ fields "$1" nameserver | head -n 2 && sed -n 's/^nameserver //p' $RESOLV_CONF; } | awk '!seen[$0]++' | head -n 3 | join ,)"
}

nm_dnsmasq_conf() {
	header "$1"
	printf '[main]\ndns=dnsmasq\n'
}

# join SEPARATOR: the lines of standard input on one line.
join() { paste -s -d "$1" -; }

# dns_files METHOD DESIRED: brings the method's files up to date and notes in CHANGED which ones were not.
dns_files() {
	case $1 in
	resolved) update $RESOLVED_FILE resolved_conf "$2" ;;
	networkmanager)
		if command -v dnsmasq >/dev/null 2>&1; then
			update $NM_FILE nm_dnsmasq_conf "$2"
			update $NM_DNSMASQ_FILE dnsmasq_lines "$2"
		else
			update $NM_FILE nm_global_conf "$2"
		fi
		;;
	dnsmasq) update $DNSMASQ_FILE dnsmasq_lines "$2" ;;
	resolvconf) update $RESOLV_CONF with_block "$2" ;;
	esac
}

# update PATH COMMAND ARG…: makes the command's output the file's contents if they differ, and notes that they did. An edit of a
# file of ours is somebody's work: a copy is kept.
update() {
	path=$1
	shift
	"$@" >"$WORK/contents"
	cmp -s "$WORK/contents" "$path" && return
	CHANGED="$CHANGED $path"
	case $DRY_RUN in
	quiet) return ;;
	show)
		difference "$path"
		return
		;;
	esac
	keep_edit "$path"
	case $path in
	"$RESOLV_CONF") write_through "$path" <"$WORK/contents" ;;
	*) replace_file "$path" <"$WORK/contents" ;;
	esac
}

# difference PATH: the lines by which the file will differ, as a patch.
difference() {
	old=$1
	[ -e "$old" ] || old=/dev/null
	if [ "$1" = $INSTALLED ] || ! command -v diff >/dev/null; then
		echo "~ file $1"
	else
		diff -u --label "$old" --label "$1" "$old" "$WORK/contents"
	fi
}

# What of a file is ours: of resolv.conf only the block.
own_part() {
	case $1 in
	"$RESOLV_CONF") sed -n "/^$BLOCK_BEGIN/,/^$BLOCK_END/p" "$1" ;;
	*) cat "$1" ;;
	esac
}
checksum() { own_part "$1" | sha256sum | cut -d ' ' -f 1; }

# keep_edit PATH: if somebody edited what we wrote there, keeps a copy of the file and says where.
keep_edit() {
	written=$(sed -n "s|^\([0-9a-f]*\) $1\$|\1|p" "$STATE/written" 2>/dev/null)
	{ [ -n "$written" ] && [ -n "$(own_part "$1" 2>/dev/null)" ]; } || return 0
	sum=$(checksum "$1")
	[ "$sum" != "$written" ] || return 0
	copy=$BACKUPS/$(basename "$1").$(echo "$sum" | cut -c 1-12)
	(umask 077 && mkdir -p $BACKUPS) && cp -a "$1" "$copy" && say "$1 was edited since pod-gateway wrote it: kept as $copy"
}

# Notes what we wrote, so that an edit can be told from an older version of ours.
note_written() {
	for path in $OWN_FILES $RESOLV_CONF; do
		[ -z "$(own_part "$path" 2>/dev/null)" ] || printf '%s %s\n' "$(checksum "$path")" "$path"
	done >"$STATE/written"
}

dns_reload() {
	case $1 in
	resolved)
		systemctl restart systemd-resolved || return 1
		[ ! -e $RESOLVED_FILE ] || claim_links
		;;
	networkmanager) ! active NetworkManager || systemctl reload NetworkManager ;;
	dnsmasq) systemctl restart dnsmasq ;;
	esac >&2
}

# --- what makes it last: systemd-networkd, NetworkManager and ifupdown all flush foreign routes at some point ---

protocol_conf() { printf '%s\tpod-gateway\n' $PROTOCOL; }

service_unit() {
	header "$1"
	cat <<-UNIT
		[Unit]
		Description=Routes and nameserver of the Kubernetes cluster behind pod-gateway
		After=network.target
		StartLimitIntervalSec=0
		[Service]
		Type=oneshot
		ExecStart=$INSTALLED reapply
		# Runs every few seconds: only warnings belong in the journal.
		LogLevelMax=notice
		[Install]
		WantedBy=multi-user.target
	UNIT
}

timer_unit() {
	header "$1"
	cat <<-UNIT
		[Unit]
		Description=Put back routes and nameserver of pod-gateway when something took them away
		[Timer]
		OnBootSec=5
		OnUnitInactiveSec=15
		AccuracySec=1
		[Install]
		WantedBy=timers.target
	UNIT
}

# DHCP clients write resolv.conf anew at every renewal; names are not to be gone until the timer comes.
path_unit() {
	header "$1"
	cat <<-UNIT
		[Unit]
		Description=Put back the nameserver of pod-gateway when something wrote resolv.conf anew
		[Path]
		PathChanged=$RESOLV_CONF
		Unit=pod-gateway.service
		[Install]
		WantedBy=paths.target
	UNIT
}

own_files() {
	update $PROTOCOL_FILE protocol_conf
	update $SERVICE_FILE service_unit "$1"
	update $TIMER_FILE timer_unit "$1"
	update $PATH_FILE path_unit "$1"
	update $INSTALLED cat "$SELF"
	[ -n "$DRY_RUN" ] || chmod 755 $INSTALLED
}

# --- the transaction ---

take_lock() {
	exec 9>$LOCK
	flock -w "$1" 9 || refuse "another run of pod-gateway holds $LOCK for more than $1 s"
}

# touched_files METHOD…: files a transaction may touch. resolv.conf is written by the method resolvconf alone, and through links,
# so it is their target that is kept.
touched_files() {
	# shellcheck disable=SC2086 # a list of paths without blanks
	printf '%s\n' $OWN_FILES "$COMMITTED" "$RECORD" "$STATE/method" "$STATE/folders" "$STATE/written" "$LINKS" "$STATE/resolv.conf.absent"
	case " $* " in *' resolvconf '*) readlink -f $RESOLV_CONF ;; esac
}

# snapshot METHOD PREVIOUS_METHOD
snapshot() {
	mkdir -p "$STATE" && rm -rf "$PENDING.new" && mkdir -p "$PENDING.new/files" || return 1
	touched_files "$@" | while read -r path; do
		[ -e "$path" ] || [ -L "$path" ] || continue
		mkdir -p "$PENDING.new/files$(dirname "$path")" && cp -a "$path" "$PENDING.new/files$path" || exit 1
	done || return 1
	own_routes >"$PENDING.new/routes"
	touched_files "$@" >"$PENDING.new/touched"
	echo "$1" >"$PENDING.new/method"
	echo $$ >"$PENDING.new/pid"
	sync "$PENDING.new"/* && mv "$PENDING.new" "$PENDING" && sync "$STATE"
}

# From here on this machine undoes the change by itself: the timer while it is up, the service at its next boot.
arm() {
	# shellcheck disable=SC2086 # a list of units
	systemctl daemon-reload && systemctl --quiet enable pod-gateway.service $UNITS 2>/dev/null || return 1
	systemctl stop $ROLLBACK_UNIT.timer 2>/dev/null
	systemctl reset-failed $ROLLBACK_UNIT.service 2>/dev/null
	systemd-run --quiet --unit=$ROLLBACK_UNIT --on-active="$1" --timer-property=AccuracySec=1s $INSTALLED rollback 9>&-
}
disarm() { systemctl stop $ROLLBACK_UNIT.timer 2>/dev/null; }

units_run() {
	for unit in $UNITS; do active "$unit" || return 1; done
	for unit in $UNITS pod-gateway.service; do systemctl --quiet is-enabled "$unit" || return 1; done
} 2>/dev/null

# A reapply that runs just now is ended, which systemd takes for a failure and would remember.
stop_units() {
	# shellcheck disable=SC2086 # a list of units
	systemctl --quiet disable --now $UNITS pod-gateway.service 2>/dev/null
	systemctl reset-failed pod-gateway.service 2>/dev/null
}

# Takes the machine back to the snapshot. Every step may be repeated.
roll_back() {
	[ -e "$PENDING/files$LINKS" ] || release_links
	while read -r path; do
		if [ -e "$PENDING/files$path" ] || [ -L "$PENDING/files$path" ]; then
			cmp -s "$PENDING/files$path" "$path" || { cp -a "$PENDING/files$path" "$path.pod-gateway" && mv -f "$path.pod-gateway" "$path"; }
		else
			[ "$path" != $SERVICE_FILE ] || stop_units
			rm -f "$path"
		fi
	done <"$PENDING/touched"
	systemctl daemon-reload
	set_routes "$PENDING/routes"
	for method in $(printf '%s\n' "$(cat "$PENDING/method")" "$(cat "$STATE/method" 2>/dev/null)" | sort -u); do
		dns_reload "$method"
	done
	remove_folders "$PENDING/new-folders"
	mv "$PENDING" "$PENDING.undone" && rm -rf "$PENDING.undone"
	rmdir "$STATE" 2>/dev/null
	disarm
}

# Folders that were made for our files go when they are empty; rmdir leaves the others alone.
remove_folders() {
	[ ! -e "$1" ] || sort -r "$1" | while read -r folder; do rmdir "$folder" 2>/dev/null; done
}

undo() {
	say "$1"
	exit 1
}

# However this run ends, short of SIGKILL, an unfinished transaction ends with it. For SIGKILL there is the timer.
at_exit() {
	code=$?
	trap '' HUP INT TERM PIPE
	if [ -n "$UNFINISHED" ]; then
		say 'rolling back'
		roll_back
		say 'rolled back: this server is as it was before'
		journal "rolled back: what $(who) deployed of stack $(field "$WORK/desired" stack)"
		outcome rolled-back
		code=1
	fi
	rm -rf "$WORK"
	exit "$code"
}

apply() {
	read_desired "$WORK/desired"
	for tool in ip systemctl systemd-run flock timeout getent; do
		command -v $tool >/dev/null || refuse "there is no $tool on this server"
	done
	[ "$DRY_RUN" = show ] || take_lock 30
	if [ -d "$PENDING" ]; then
		if [ "$DRY_RUN" = show ]; then
			say 'a transaction is under way or was left unfinished here; it ends by itself, try again in two minutes'
			outcome busy
			exit 2
		fi
		say 'an earlier transaction was left unfinished; undoing it first'
		roll_back
	fi

	method=$(dns_method "$WORK/desired")
	previous_method=$(cat "$STATE/method" 2>/dev/null)
	wanted_routes "$WORK/desired" >"$WORK/routes.wanted"
	own_routes >"$WORK/routes.before"
	if in_force; then
		say 'no change'
		result unchanged
		return
	fi
	can_do "$method"
	guard_routes "$WORK/desired"
	if [ "$DRY_RUN" = show ]; then
		preview
		result would-change
		return
	fi

	path_before=$(path_to_operator)
	outside_before=$(outside_names)
	snapshot "$method" "$previous_method" || refuse "could not keep a snapshot in $STATE; is the disk full?"
	UNFINISHED=1
	FOLDERS=$PENDING/new-folders
	seconds=$(field "$WORK/desired" rollback-after)
	CHANGED=
	own_files "$WORK/desired"
	arm "$seconds" || undo 'could not arm the rollback timer'
	deadline=$(($(date +%s) + seconds - 10))

	set_routes "$WORK/routes.wanted" || undo 'a route could not be set'
	if [ "$previous_method" != "$method" ] && [ -n "$previous_method" ]; then
		remove_dns "$previous_method"
	fi
	CHANGED=
	dns_files "$method" "$WORK/desired"
	[ "$method" != resolved ] || CHANGED="$CHANGED$(unclaimed_links)"
	[ -z "$CHANGED" ] || dns_reload "$method" || undo "the owner of resolv.conf ($method) did not take the new configuration"

	case $(field "$WORK/desired" verify) in
	strict) verify || undo 'the verification failed' ;;
	warn) verify || say 'the verification failed; kept all the same, because verify is warn' ;;
	esac

	[ ! -e "$PENDING/new-folders" ] || cat "$PENDING/new-folders" >>"$STATE/folders"
	echo "$method" >"$STATE/method"
	note_written
	write_record
	cp "$WORK/desired" "$COMMITTED.new" && mv "$COMMITTED.new" "$COMMITTED" && sync "$STATE"/*
	# The commit itself is this one rename.
	trap '' HUP INT TERM PIPE
	mv "$PENDING" "$PENDING.done" || undo 'could not commit'
	UNFINISHED=
	disarm
	rm -rf "$PENDING.done"
	# shellcheck disable=SC2086 # a list of units
	systemctl start $UNITS
	: >$SEEN
	remove_uploads ! -path "$SELF"
	journal "deployed $(cat "$RECORD")"
	say "applied: $(wc -l <"$WORK/routes.wanted") routes, nameserver by $method"
	result applied
}

digest() { sha256sum 2>/dev/null <"$1" | cut -d ' ' -f 1; }

# Who deployed what, and when: for audits, and for those who find a server other than they left it. Digests are SHA-256 of the
# desired state; there is none before the first one.
write_record() {
	before=
	[ ! -e "$COMMITTED" ] || before=$(digest "$COMMITTED")
	printf '{"at":"%s","by":"%s","stack":"%s","version":"%s","before":"%s","after":"%s"}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
		"$(who)" "$(field "$WORK/desired" stack)" "$VERSION" "$before" "$(digest "$WORK/desired")" >"$RECORD"
}

# Whether the desired state is declared, routed and written already.
in_force() {
	cmp -s "$WORK/desired" "$COMMITTED" && cmp -s "$WORK/routes.wanted" "$WORK/routes.before" && units_run || return 1
	dry=$DRY_RUN DRY_RUN=quiet CHANGED=
	own_files "$WORK/desired"
	dns_files "$method" "$WORK/desired"
	[ "$method" != resolved ] || CHANGED="$CHANGED$(unclaimed_links)"
	DRY_RUN=$dry
	[ -z "$CHANGED" ]
}

preview() {
	comm -13 "$WORK/routes.wanted" "$WORK/routes.before" | sed 's/^/- route /'
	comm -23 "$WORK/routes.wanted" "$WORK/routes.before" | sed 's/^/+ route /'
	cmp -s "$WORK/desired" "$COMMITTED" || echo "~ what is desired here"
	own_files "$WORK/desired"
	[ ! -e "$COMMITTED" ] || units_run || echo "~ units $UNITS: not enabled, or not running"
	if [ "$previous_method" != "$method" ] && [ -n "$previous_method" ]; then
		echo "- nameserver by $previous_method"
	fi
	dns_files "$method" "$WORK/desired"
	[ "$method" != resolved ] || unclaimed_links | sed 's/.*/~ link &: its nameservers are asked for every name but those of the cluster/'
	echo "  nameserver by $method"
}

# Copies of this script that were uploaded: to where root or another user may write. find(1) tests may follow.
remove_uploads() {
	home=$(getent passwd "${SUDO_USER:-root}" | cut -d : -f 6)
	find "$(dirname $UPLOADED)" "${home:-/root}" -maxdepth 1 -type f \( -path "$UPLOADED-*" -o -name '.pod-gateway-host-*' \) "$@" -delete
}

path_to_operator() {
	[ -z "$OPERATOR" ] || ip -o route get "$OPERATOR" 2>/dev/null | sed 's/ uid .*//; s/ cache.*//'
}

addresses_of() { timeout 3 getent ahosts "$1" 9>&- | awk '{ print $1 }' | sort -u; }

outside_names() {
	fields "$WORK/desired" verify-outside | while read -r name; do
		[ -z "$(addresses_of "$name")" ] || echo "$name"
	done
}

# until_deadline COMMAND…: repeats a check until it holds or the time is nearly up: resolvers need a moment to start, and a DHCP
# client may renew its lease in the middle of this.
until_deadline() {
	until "$@"; do
		[ "$(date +%s)" -lt "$deadline" ] || return 1
		sleep 1
		put_back "$WORK/desired"
	done
}

resolves_inside() {
	name=$1
	shift
	found=$(addresses_of "$name")
	[ -n "$found" ] || return 1
	for address in $found; do in_prefixes "$address" "$@" || return 1; done
}
resolves() { [ -n "$(addresses_of "$1")" ]; }
answers() { ping -n -q -c 1 -W 2 "$1" >/dev/null 2>&1 9>&-; }

# dns_answers PROTOCOL SERVER NAME: whether the nameserver itself answers without error, past every cache (RFC 1035, section 4).
# The query goes out in one piece, by cat: the shell would write it line by line, and 10 is the length of "kubernetes".
dns_answers() {
	message='PG\001\000\000\001\000\000\000\000\000\000'
	length=17
	for label in $(echo "$3" | tr . ' '); do
		message="$message\\$(printf %03o ${#label})$label"
		length=$((length + 1 + ${#label}))
	done
	message=$message'\000\000\001\000\001'
	skip=0
	if [ "$1" = tcp ]; then
		message="\\$(printf %03o $((length / 256)))\\$(printf %03o $((length % 256)))$message"
		skip=2
	fi
	# shellcheck disable=SC2059 # a format by contract: octal escapes and labels without a percent sign
	printf "$message" >"$WORK/query"
	# shellcheck disable=SC2016 # bash's own arguments
	reply=$(timeout 3 bash -c 'exec 3<>"/dev/$0/$1/53" && cat "$2" >&3 && head -c 6 <&3' "$1" "$2" "$WORK/query" 2>/dev/null 9>&- |
		od -An -v -t x1 -j $skip | tr -d ' \n')
	case $reply in
	5047[89abcdef]??0*) ;;
	*) return 1 ;;
	esac
}

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
				{ say "the nameserver $server does not answer on port 53 by $protocol"; return 1; }
		done
	done
}

# The machine's own view after the change, cheapest first. Says what failed, and by which line of the desired state.
verify() {
	[ "$(path_to_operator)" = "$path_before" ] ||
		{ say "the path to the operator changed: before '$path_before', now '$(path_to_operator)'"; return 1; }
	nameservers_answer || return 1
	for name in $outside_before; do
		until_deadline resolves "$name" || { say "$name resolved before and no longer does"; return 1; }
	done
	sed -n 's/^verify-\(name\|pods\) /\1 /p' "$WORK/desired" >"$WORK/checks"
	while read -r kind name prefixes; do
		# shellcheck disable=SC2086 # a list of prefixes
		until_deadline resolves_inside "$name" $prefixes ||
			{ say "$name does not resolve to addresses in $prefixes (got: $(echo "${found:-nothing}" | join ' '))"; return 1; }
		[ "$kind" = pods ] || continue
		if ! command -v ping >/dev/null; then
			say "no ping on this server: the pods of $name were not probed"
			continue
		fi
		for address in $found; do
			until_deadline answers "$address" || { say "$address, a pod of $name, does not answer"; return 1; }
			echo "$address" >>"$WORK/probed"
		done
	done <"$WORK/checks"
	unprobed_routes
}

# A route that nothing was asked through is as good as its kind; who reads this may name pods behind it.
unprobed_routes() {
	[ -s "$WORK/probed" ] || return 0
	while read -r prefix _; do
		in_block=
		while read -r address; do
			! in_prefixes "$address" "$prefix" || in_block=1
		done <"$WORK/probed"
		[ -n "$in_block" ] || echo "$prefix"
	done <"$WORK/routes.wanted" >"$WORK/unprobed"
	[ ! -s "$WORK/unprobed" ] || say "no pod was asked behind $(join ' ' <"$WORK/unprobed")"
}

result() {
	seen=$(date -u -r $SEEN +%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
	record=null
	[ ! -s "$RECORD" ] || record=$(cat "$RECORD")
	printf '{"result":"%s","server":"%s","stack":"%s","routes":%d,"dnsMethod":"%s","digest":"%s","inForceAt":"%s","record":%s}\n' \
		"$1" "$(field "$WORK/desired" server)" "$(field "$WORK/desired" stack)" "$(wc -l <"$WORK/routes.wanted")" \
		"$method" "$(digest "$WORK/desired")" "$seen" "$record"
}

# --- the way out ---

remove_dns() {
	# shellcheck disable=SC2086 # a list of paths without blanks
	rm -f $DNS_FILES
	release_links
	if [ -e $RESOLV_CONF ] && grep -q "^$BLOCK_BEGIN" $RESOLV_CONF; then
		if [ -e "$STATE/resolv.conf.absent" ]; then
			rm -f "$(readlink -f $RESOLV_CONF)" "$STATE/resolv.conf.absent"
		else
			without_block $RESOLV_CONF >"$WORK/resolv.conf" && write_through $RESOLV_CONF <"$WORK/resolv.conf"
		fi
	fi
	dns_reload "$1"
}

restore() {
	take_lock 60
	[ ! -d "$PENDING" ] || roll_back
	for path in $OWN_FILES $RESOLV_CONF; do keep_edit "$path"; done
	: >"$WORK/none"
	set_routes "$WORK/none"
	[ ! -e "$STATE/method" ] || remove_dns "$(cat "$STATE/method")"
	stop_units
	rm -f $SERVICE_FILE $TIMER_FILE $PATH_FILE $PROTOCOL_FILE
	systemctl daemon-reload
	remove_folders "$STATE/folders"
	rm -rf "$STATE"
	remove_uploads
	rm -f $INSTALLED $LOCK $SEEN
	say 'restored: nothing of pod-gateway is left on this server'
	journal "restored by $(who)"
	outcome restored
}

reapply() {
	exec 9>$LOCK
	flock -n 9 || exit 0 # a transaction is under way; the timer comes again
	if [ -d "$PENDING" ]; then
		# With the rollback timer ticking the transaction is its business; without one the machine was switched off half-way.
		active $ROLLBACK_UNIT.timer || { say 'undoing a transaction that was cut off' && roll_back; }
		return
	fi
	[ -e "$COMMITTED" ] || return 0
	method=$(cat "$STATE/method")
	wanted_routes "$COMMITTED" >"$WORK/routes.wanted"
	put_back "$COMMITTED"
	! cmp -s "$WORK/routes.wanted" "$WORK/routes.before" || [ -n "$CHANGED" ] || : >$SEEN
}

# put_back DESIRED: what another program took away since; what is as desired is left alone.
put_back() {
	own_routes >"$WORK/routes.before"
	if ! cmp -s "$WORK/routes.wanted" "$WORK/routes.before"; then
		if set_routes "$WORK/routes.wanted"; then say 'put back routes that were gone'; else say 'routes are gone and cannot be put back yet'; fi
	fi
	CHANGED=
	dns_files "$method" "$1"
	[ "$method" != resolved ] || [ -n "$CHANGED" ] || claim_links
	if [ -n "$CHANGED" ]; then
		say "put back$CHANGED"
		note_written
		dns_reload "$method"
	fi
}

# The timer's part. A run that still holds the lock had its time: it is ended first, so that it cannot go on applying.
rollback() {
	pid=$(cat "$PENDING/pid" 2>/dev/null)
	if [ -n "$pid" ] && grep -q pod-gateway "/proc/$pid/cmdline" 2>/dev/null; then kill -KILL "$pid"; fi
	take_lock 20
	[ -d "$PENDING" ] || return 0
	say 'the change was not committed in time'
	roll_back
	journal 'rolled back: a change that was not committed in time'
}

status() {
	[ -e "$COMMITTED" ] || { say 'nothing of pod-gateway is in force here'; return; }
	cat "$COMMITTED"
	echo "# nameserver by $(cat "$STATE/method")"
	echo '# routes in the kernel:'
	own_routes | sed 's/^/# route /'
}

usage() { sed -n '2,/^set -u/{/^set -u/d;s/^# \{0,1\}//;p;}' "$SELF"; }

SELF=$(readlink -f "$0")
FOLDERS=$STATE/folders
DRY_RUN=
CHANGED=
WORK=$(mktemp -d -p /run 2>/dev/null || mktemp -d) || exit 2
UNFINISHED=
trap at_exit EXIT
trap 'say interrupted; exit 1' HUP INT TERM PIPE
case ${1:-} in
apply | restore | reapply | rollback)
	be_root "$@"
	OPERATOR=$(operator_address)
	[ "${2:-}" != --dry-run ] || DRY_RUN=show
	"$1"
	;;
detect) dns_owner ;;
status) status ;;
help | --help | -h) usage ;;
*)
	usage >&2
	exit 2
	;;
esac
