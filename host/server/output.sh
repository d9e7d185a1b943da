# shellcheck shell=sh disable=SC2034,SC2154
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
