# shellcheck shell=sh disable=SC2034,SC2154
# --- names: a plain resolv.conf, whoever writes it. It cannot split: the cluster's nameserver comes first ---

resolvconf_fits() {
	if lies_in "$TARGET" /run/systemd/resolve; then
		refuse "$RESOLV_CONF is a file of systemd-resolved's own ($TARGET); start systemd-resolved and set dns.method to auto," \
			"replace the link by a file, or set dns.method to none"
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
