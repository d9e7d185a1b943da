# shellcheck shell=sh disable=SC2034,SC2154
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
