# shellcheck shell=sh disable=SC2034,SC2154
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
