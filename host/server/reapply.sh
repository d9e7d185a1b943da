# shellcheck shell=sh disable=SC2034,SC2154
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
