# shellcheck shell=sh disable=SC2034,SC2154
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
