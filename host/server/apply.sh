# shellcheck shell=sh disable=SC2034,SC2154
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
