# shellcheck shell=sh disable=SC2016,SC2034,SC2154
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
