# shellcheck shell=sh disable=SC2034,SC2154
# --- restore: the way out ---

# choose_stacks: sets GOING to the stacks to remove, and STACK to a name for them.
choose_stacks() {
	STACK=
	read_stacks
	count=0
	for name in $STACKS; do count=$((count + 1)); done
	GOING=$STACKS
	if [ -n "$ONLY" ]; then
		case " $STACKS " in *" $ONLY "*) GOING=$ONLY ;; *) GOING= ;; esac
	elif [ $count -gt 1 ] && [ -z "$EVERY" ]; then
		refuse "several stacks serve this server:$STACKS; name one (restore --stack NAME), or all of them (restore --all)"
	fi
	OTHERS=
	for file in $COMMITTED; do
		case " $GOING " in *" $(stack_of "$file") "*) ;; *) OTHERS="$OTHERS $file" ;; esac
	done
	STACK=${GOING# }
}

plan_restore() {
	choose_stacks
	previous_method=none
	for file in $COMMITTED; do
		name=none
		[ ! -f "${file%/*}/method" ] || read -r name <"${file%/*}/method" || :
		[ "$name" = none ] || previous_method=$name
	done
	# shellcheck disable=SC2086 # a list of files without blanks
	plan_server $OTHERS || return 1
	for name in $GOING; do
		stack_folder "$name"
		for part in desired method record.json; do want_none state "$folder/$part"; done
	done
	if is_old_layout; then
		case " $GOING " in
		*" $(stack_of "$STATE/desired") "*) ;;
		*) refuse "the state of the stack $(stack_of "$STATE/desired") is an older version's; deploy it once with this one first" ;;
		esac
		for part in desired method record.json folders written links resolv.conf.absent; do want_none state "$STATE/$part"; done
	fi
	[ -n "$OTHERS" ] || want_none state "$ABSENT"
	{ compare_plan && own_routes "$WORK/routes.before"; } || return 1
	# The note of the folders stays until they are gone, too.
	[ -z "$COMMITTED" ] || { plan_written && compare_plan; }
}

dry_restore() {
	plan_restore || refuse 'the difference could not be computed'
	true >"$WORK/drift"
	method=$server_method
	if [ ! -s "$WORK/changes" ] && cmp -s "$WORK/wanted" "$WORK/routes.before"; then say 'nothing to restore'; else preview_restore; fi
	outcome would-restore
}
preview_restore() {
	comm -13 "$WORK/wanted" "$WORK/routes.before" | sed 's/^/- route /'
	while read -r class kind argument _ _ path; do
		if [ "$class" = names ]; then difference "$kind" "$argument" "$path"; else echo "- file $path"; fi
	done <"$WORK/changes"
	for name in $GOING; do echo "- stack $name"; done
}

restore() {
	ROLLBACK_AFTER=90
	begin_turn
	plan_restore || refuse 'what to remove could not be determined'
	if [ -s "$WORK/changes" ] || ! cmp -s "$WORK/wanted" "$WORK/routes.before"; then
		# The transaction removes everything except the script and the units that repair. Those go last, when it is over.
		keep_edits || refuse "a copy of what somebody edited could not be kept in $BACKUPS"
		take_back
	fi
	if [ -z "$OTHERS" ]; then remove_recovery || not_removed; fi
	UPLOAD=
	remove_uploads
	if [ -z "$OTHERS" ]; then
		rm -f $SEEN $UNTOLD $SEEN_OWNER $OLD_LOCK $LOCK
		say 'restored: nothing of pod-gateway is left on this server'
	else
		say "restored: nothing of stack $STACK is left here; this server still serves $ALL"
	fi
	journal "restored by $BY: ${STACK:-nothing was there}"
	outcome restored
}

# not_removed: says that the deployment is removed, but not all of the script and the units that repaired it.
not_removed() {
	left_over >"$WORK/missing"
	again=$INSTALLED
	[ -e $INSTALLED ] || again='the script'
	say "the restore is incomplete: the deployment is removed, but not the files that repair it: $(join ';' <"$WORK/missing"); run" \
		"$again restore once more"
	journal "restore incomplete: $(join ';' <"$WORK/missing")"
	outcome_incomplete restore
	exit 1
}

take_back() {
	# The recovery's files, of whatever version, stay as they are until the transaction is over.
	if [ -z "$OTHERS" ]; then without_recovery changes || refuse 'the change could not be written down'; fi
	snapshot restore || refuse_prepared
	if [ -n "$OTHERS" ]; then arm || fail 'could not arm the recovery'; fi
	set_routes "$WORK/wanted" || fail 'a route could not be taken away'
	NAMES_UNTOUCHED=
	put_class names || fail 'the files of the nameserver configuration could not be taken back'
	[ "$server_method" = resolved ] || resolved_release
	release_owner || fail 'the owner of resolv.conf did not take its configuration back'
	put_class state || fail 'what is noted could not be taken away'
	[ "$server_method" = resolved ] || remove_files "$LINKS" || fail 'what is noted could not be taken away'
	without_recovery plan || fail 'the removal cannot be checked'
	seen_in_force || fail 'not everything went away'
	finish || fail 'could not commit'
	for name in $GOING; do
		stack_folder "$name"
		remove_folders "$folder"
	done
}
# without_recovery plan|changes: removes the lines of the script and the units from that list.
without_recovery() { lines_but plan_kept -e '^recovery ' -e '^tool ' "$WORK/$1" && mv -f "$WORK/plan_kept" "$WORK/$1"; }
release_owner() {
	changed names || return 0
	for owner in $OWNERS; do
		case " $previous_method $server_method " in *" $owner "*) "${owner}_reload" || return 1 ;; esac
	done
}

# remove_recovery: removes the units, the script, and the folders that were made for us, once nothing is deployed and nothing has to
# be undone. Any run may repeat it: the list of folders goes last. What a power cut leaves of all this has no effect.
remove_recovery() {
	units='' tool=''
	for path in $PATH_LINK $TIMER_LINK $SERVICE_LINK $PATH_FILE $TIMER_FILE $SERVICE_FILE $PROTOCOL_FILE; do
		[ ! -e "$path" ] && [ ! -L "$path" ] || units="$units $path"
	done
	[ ! -e $INSTALLED ] || tool=$INSTALLED
	[ -n "$units$tool" ] || [ -d "$STATE" ] || return 0
	folders=
	if [ -e "$WRITTEN" ]; then folders=$(sed -n 's/^folder //p' "$WRITTEN") || return 1; fi
	if [ -n "$units" ]; then
		stop_units
		# shellcheck disable=SC2086 # a list of paths without blanks
		{ remove_files $units && reload_units; } || return 1
	fi
	# shellcheck disable=SC2086 # a list of paths without blanks
	remove_folders $folders
	for path in $folders; do ! is_empty "$path" || return 1; done
	# shellcheck disable=SC2086 # a list of paths without blanks
	remove_files $tool "$WRITTEN" || return 1
	remove_folders "$STATE"/* "$STATE"
	! is_empty "$STATE"
}
# left_over: prints a line for each thing that remove_recovery removes and that is still there.
left_over() {
	for path in $PATH_LINK $TIMER_LINK $SERVICE_LINK $PATH_FILE $TIMER_FILE $SERVICE_FILE $PROTOCOL_FILE $INSTALLED "$STATE"; do
		[ ! -e "$path" ] && [ ! -L "$path" ] || echo "$path is still there"
	done
}
is_empty() {
	[ -d "$1" ] || return 1
	for entry in "$1"/* "$1"/.[!.]*; do [ ! -e "$entry" ] || return 1; done
}
