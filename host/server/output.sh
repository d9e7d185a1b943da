# shellcheck shell=sh disable=SC2034,SC2154
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
