# shellcheck shell=sh disable=SC2034,SC2154
# --- the transaction: what was before, and the way back to it ---

# take_lock SECONDS: returns $BUSY if another run holds the lock, and another code if it cannot be taken.
# The run that held the lock may remove the file. Then the lock is a new file.
take_lock() {
	[ -d $RUN ] || mkdir -m 700 $RUN 2>/dev/null
	[ -d $RUN ] && [ ! -L $RUN ] && [ -O $RUN ] || return 1
	while :; do
		true >>$LOCK || return 1
		exec 9>>$LOCK
		flock -E $BUSY -w "$1" 9 || return
		# shellcheck disable=SC3013 # dash and bash have -ef, and no other tool can see the descriptors of this very process
		if [ $LOCK -ef /dev/fd/9 ]; then break; fi
	done
	[ -e $OLD_LOCK ] && is_old_layout || return 0
	exec 8>>$OLD_LOCK
	flock -E $BUSY -w "$1" 8
}

# snapshot VERB: notes what is there before, and prepares every file, so that the change and its undo are only renames. Fails if there
# is no room for it.
snapshot() {
	[ -d "$STATE" ] || mkdir "$STATE" || return 1
	{
		read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || boot=unknown
		printf 'pod-gateway-journal 1\nverb %s\nstack %s\nboot %s\nby %s\n' "$1" "$STACK" "$boot" "$BY"
		for owner in $OWNERS; do
			case " $server_method $previous_method " in *" $owner "*) ;; *) continue ;; esac
			"${owner}_service"
			[ -z "$unit" ] || ! active "$unit" || echo "owner $owner"
		done
		MADE=' '
		while read -r class kind _ old new path; do
			printf 'entry %s %s %s %s %s\n' "$class" "$kind" "$old" "$new" "$path"
			missing_folders "${path%/*}"
		done <"$WORK/changes"
		[ ! -e "$LINKS" ] || sed 's/^/claimed /' "$LINKS" || return 1
		[ ! -e "$STATE/links" ] || sed 's/^\([^ ]*\).*/claimed \1/' "$STATE/links" || return 1
		[ ! -s "$WORK/routes.before" ] || sed 's/^/route /' "$WORK/routes.before"
	} >"$WORK/journal" || return 1
	# This run has not touched the resolver so far. A transaction that another run left may have.
	UNFINISHED=1 NAMES_UNTOUCHED=1
	[ -z "$UNWRITTEN" ] && seal_journal && prepare_files && make_durable
}
# missing_folders FOLDER: prints the folders that do not exist and are not in $MADE yet, the outer ones first.
missing_folders() {
	[ ! -d "$1" ] || return 0
	case $MADE in *" $1 "*) return 0 ;; esac
	missing_folders "${1%/*}"
	MADE="$MADE$1 "
	echo "folder $1"
}

seal_journal() {
	sum=$(sha256sum <"$WORK/journal") || return 1
	beside "$PENDING" new
	{ cat "$WORK/journal" && echo "end ${sum%% *}"; } >"$beside" && rename_durably "$beside" "$PENDING"
}

# read_journal: copies the journal to $WORK/journal, without its seal, and its parts to $WORK/entries, $WORK/routes.before and
# $WORK/claimed. Fails if the journal is damaged.
read_journal() {
	sed '$d' "$PENDING" >"$WORK/journal" && sum=$(sha256sum <"$WORK/journal") || return 1
	[ "$(tail -n 1 "$PENDING")" = "end ${sum%% *}" ] || return 1
	sed -n 's/^entry //p' "$WORK/journal" >"$WORK/entries" && sed -n 's/^route //p' "$WORK/journal" >"$WORK/routes.before" &&
		sed -n 's/^claimed //p' "$WORK/journal" >"$WORK/claimed"
}
journal_field() { sed -n "s/^$1 //p" "$WORK/journal"; }

# undo: brings the machine back to what the journal says. Does all that can be done, then compares. If something is missing, it is in
# $WORK/missing, and the journal, the script and the units stay. May be repeated.
undo() {
	# If /run is full, even the list of what is missing cannot be written. That counts as a failure.
	UNDO_FAILED='' UNWRITTEN=''
	true >"$WORK/missing" || UNDO_FAILED=1
	if [ ! -e "$PENDING" ]; then
		sweep || echo 'temporary files cannot be removed' >>"$WORK/missing"
		remove_folders "$STATE"
		committed_stacks
		[ -n "$COMMITTED" ] || [ ! -d "$STATE" ] || echo "the folder $STATE cannot be removed" >>"$WORK/missing"
		nothing_missing
		return
	fi
	if ! read_journal; then
		echo "the journal $PENDING cannot be read, so nothing was put back" >>"$WORK/missing"
		return 1
	fi
	resolved_release "$WORK/claimed"
	undo_files names state
	read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || boot=unknown
	# After a reboot our routes are gone, and reapply sets the desired ones. So routes are undone only in the same boot.
	if [ "$(journal_field boot)" = "$boot" ] && ! set_routes_back "$WORK/routes.before"; then
		comm -3 "$WORK/routes.before" "$WORK/routes.now" |
			sed 's/^\t/still there: route /;t;s/^/not there: route /' >>"$WORK/missing"
	fi
	if [ -z "$NAMES_UNTOUCHED" ]; then
		for owner in $(journal_field owner); do
			"${owner}_service"
			"${owner}_reload" undo || echo "$unit did not start with its configuration" >>"$WORK/missing"
		done
	fi
	if [ -s "$WORK/claimed" ]; then put_text "$LINKS" <"$WORK/claimed" && resolved_mend; else rm -f "$LINKS"; fi
	compare_undone names state
	nothing_missing || return 1
	# The units go last, when nothing is left to repair.
	see_repairs || return 1
	if [ -n "$repairs" ]; then
		[ -z "$new_timer" ] || stop_units
		undo_files recovery
		reload_units || echo 'systemd did not read its units anew (systemctl daemon-reload)' >>"$WORK/missing"
		compare_undone recovery
		nothing_missing || return 1
		# The script goes after the units that run it.
		undo_files tool
		compare_undone tool
	fi
	nothing_missing || return 1
	if ! finish; then
		echo "the journal $PENDING cannot be put away" >>"$WORK/missing"
		return 1
	fi
	# shellcheck disable=SC2046 # a list of paths without blanks
	remove_folders $(journal_field folder) "$STATE"
}

# see_repairs: sets $repairs where entries are of what repairs, and $new_timer where its timer was not there before. By the shell
# alone: a command that fails is not an answer.
see_repairs() {
	repairs='' new_timer=''
	while read -r class _ old rest; do
		case $class in recovery | tool) repairs=1 ;; esac
		case "$class $old $rest" in "recovery - "*" $TIMER_FILE") new_timer=1 ;; esac
	done <"$WORK/entries" || echo 'the entries of the journal cannot be read' >>"$WORK/missing"
	nothing_missing
}

nothing_missing() { [ -z "$UNDO_FAILED$UNWRITTEN" ] && [ ! -s "$WORK/missing" ]; }

# undo_files CLASS…: puts the files of these classes back.
undo_files() {
	look_at_entries "$@" || {
		UNDO_FAILED=1
		return
	}
	if ! awk -v resolv="$TARGET" "$UNDO"'
		{
			if (is(path, old) || is(path, also[path])) next
			aside = beside(path, "old")
			kept = is(aside, old) || is(aside, also[path])
			# Another program wrote resolv.conf since: another text, or our text again after the old file was already back in its place.
			if (path == resolv && (!is(path, new) || (old != "-" && !kept))) print "strip", path, aside
			else if (old == "-") print "remove", path, aside
			else if (kept) print "back", path, aside
		}' "$WORK/journal" "$WORK/there" "$WORK/chosen" >"$WORK/steps"; then
		UNDO_FAILED=1
		return
	fi
	while read -r step path aside; do
		DURABLE="$DURABLE ${path%/*}"
		case $step in
		back) mv -fT "$aside" "$path" ;;
		remove) rm -f "$path" ;;
		strip) strip_block "$path" ;;
		esac
	done <"$WORK/steps"
	make_durable
}
# strip_block FILE: another program has written this file since; its text stays, without our block.
strip_block() {
	grep -qs "^$BLOCK_BEGIN" "$1" || return 0
	without_block "$1" >"$WORK/stripped" && beside "$1" new && cp -afT --attributes-only "$1" "$beside" &&
		cat "$WORK/stripped" >"$beside" && sync "$beside" && mv -fT "$beside" "$1"
}

# compare_undone CLASS…: adds to $WORK/missing what is not as it was before.
compare_undone() {
	look_at_entries "$@" || {
		UNDO_FAILED=1
		return
	}
	awk -v resolv="$TARGET" "$UNDO"'
		{ aside = beside(path, "old"); kept = old == "-" || is(aside, old) || is(aside, also[path]) }
		!is(path, old) && !is(path, also[path]) && (path != resolv || (is(path, new) && kept)) { print path " is not as it was before" }
	' "$WORK/journal" "$WORK/there" "$WORK/chosen" >"$WORK/different" || UNDO_FAILED=1
	cat "$WORK/different" >>"$WORK/missing" || UNDO_FAILED=1
	if grep -qs "^$BLOCK_BEGIN" "$TARGET" && grep -q "^names [^ ]* .* $TARGET\$" "$WORK/chosen" &&
		! grep -q " $TARGET\$" "$WORK/different" && ! look "$TARGET" | grep -qF -f "$WORK/olds"; then
		echo "$TARGET still has a block of pod-gateway's" >>"$WORK/missing"
	fi
}

look_at_entries() {
	true >"$WORK/chosen" && paths=
	while read -r class kind old new path; do
		case " $* " in *" $class "*) ;; *) continue ;; esac
		echo "$class $kind $old $new $path" >>"$WORK/chosen" || return 1
		beside "$path" old
		paths="$paths $path $beside"
	done <"$WORK/entries"
	# The checksums that resolv.conf may have after an undo. The old contents may have the block of the deployment before.
	{ sed -n "s|^entry names [^ ]* \([^ ]*\) [^ ]* $TARGET\$|\1|p;s|^also \([^ ]*\) $TARGET\$|\1|p" "$WORK/journal"; echo none; } >"$WORK/olds"
	# shellcheck disable=SC2086 # a list of paths without blanks
	look $paths >"$WORK/there"
}

# Reads the journal's "also" lines (further contents that count as before), what is there, and the chosen entries.
# shellcheck disable=SC2016 # awk's own
UNDO=$BESIDE'
	function unseen(p) { return (("file", p) in exists) && !(p in sum) || (("link", p) in exists) && !(p in target) }
	function is(p, what) {
		if (what == "") return 0
		if (what == "-") return !(p in sum) && !(p in target)
		if (what ~ /^link:/) return target[p] == what
		return (p in sum) && sum[p] == what
	}
	FILENAME == ARGV[1] { if ($1 == "also") also[$3] = $2; next }
	FILENAME == ARGV[2] && $1 == "exists" { exists[$2, $3]; next }
	FILENAME == ARGV[2] { if ($1 == "link") target[$3] = "link:" $2; else sum[$2] = $1; next }
	{ old = $3; new = $4; path = $5 }
	unseen(path) || unseen(beside(path, "old")) { exit 1 }
'

# finish: ends the transaction. Its one rename is the commit.
finish() {
	mv -fT "$PENDING" "$FINISHED" || return 1
	if ! sync "$STATE"; then
		mv -fT "$FINISHED" "$PENDING"
		return 1
	fi
	UNFINISHED=
	forget_incomplete
	tidy
}
forget_incomplete() { [ ! -e "$RUN/incomplete" ] || rm -f "$RUN/incomplete"; }

# tidy: removes the second names of files.
tidy() {
	[ -e "$FINISHED" ] || return 0
	leftovers=
	while read -r key _ _ _ _ path; do
		[ "$key" = entry ] || continue
		beside "$path" old && leftovers="$leftovers $beside"
		beside "$path" new && leftovers="$leftovers $beside"
	done <"$FINISHED"
	# shellcheck disable=SC2086 # a list of paths without blanks
	rm -f $leftovers "$FINISHED"
}

# sweep: removes temporary files that a run left behind, also those of older versions.
sweep() {
	[ ! -e "$PENDING" ] || return 0
	left=
	for folder in "${INSTALLED%/*}" "${PROTOCOL_FILE%/*}" $UNIT_FOLDER "${SERVICE_LINK%/*}" "${TIMER_LINK%/*}" "${PATH_LINK%/*}" \
		"${RESOLVED_FILE%/*}" "${NM_FILE%/*}" "${NM_DNSMASQ_FILE%/*}" "${DNSMASQ_FILE%/*}" "${TARGET%/*}" "$STATE" "$STATE"/*; do
		for path in "$folder"/.*.pod-gateway-new "$folder"/.*.pod-gateway-old; do
			[ ! -e "$path" ] && [ ! -L "$path" ] || left="$left $path"
		done
	done
	for path in $INSTALLED $PROTOCOL_FILE $SERVICE_FILE $TIMER_FILE $PATH_FILE $RESOLVED_FILE $NM_FILE $NM_DNSMASQ_FILE \
		$DNSMASQ_FILE "$TARGET"; do
		[ ! -e "$path.pod-gateway" ] || left="$left $path.pod-gateway"
	done
	# shellcheck disable=SC2086 # a list of paths without blanks
	[ -z "$left" ] || rm -f $left
}

# settle WHY: puts in order what an earlier run left: undoes an unfinished transaction, and tidies up after a finished one.
settle() {
	tidy
	if [ ! -e "$PENDING" ]; then
		sweep && forget_incomplete
		# If nothing is deployed, a cut in a first deployment or in a removal may have left the script and the units.
		committed_stacks
		[ -n "$COMMITTED" ] || [ -d "$STATE/pending" ] || remove_recovery || {
			left_over >"$WORK/missing"
			return 1
		}
		return 0
	fi
	if undo; then
		say "$1; undone: this server is as it was before"
		journal "rolled back: $1"
		return 0
	fi
	incomplete
	return 1
}

# incomplete: says what an undo could not put back. Everything that can put it back is still there.
incomplete() {
	still_missing
	cp "$WORK/missing" "$RUN/incomplete" 2>/dev/null
	again='tried again every 15 s'
	[ -L $TIMER_LINK ] || again="tried again by the next run; by hand: $INSTALLED rollback, or $UPLOADED-* restore"
	say "the rollback is incomplete ($again); still to be done: $still"
	journal "rollback incomplete: $still"
}
# still_missing: sets $still to the lines of $WORK/missing, joined into one. If /run is full, that file may be empty.
still_missing() {
	still=
	if [ -s "$WORK/missing" ]; then
		while IFS= read -r line; do still="$still${still:+;}$line"; done <"$WORK/missing"
	fi
	still=${still:-what is there could not be compared; is /run full?}
}
# outcome_incomplete rollback|restore: prints the outcome: which of both is incomplete, and what is missing.
outcome_incomplete() {
	[ -z "$WORK" ] || true >"$WORK/told"
	list=
	if [ -s "$WORK/missing" ]; then
		while IFS= read -r line; do
			json "$line"
			list="$list${list:+,}\"$json\""
		done <"$WORK/missing"
	fi
	[ -n "$list" ] || list='"what is there could not be compared; is /run full?"'
	command printf '{"result":"%s-incomplete","missing":[%s]}\n' "$1" "$list" >&6 || :
}

fail() {
	say "$1"
	exit 1
}

# Undoes an unfinished transaction, however the run ends. If the run is killed, systemd calls settle instead.
at_exit() {
	code=$?
	trap - EXIT
	trap '' HUP INT TERM
	if [ -n "$UNFINISHED" ]; then
		say 'rolling back'
		code=1
		if undo; then
			UNFINISHED=
			say 'rolled back: this server is as it was before'
			journal "rolled back: what $BY deployed of stack $STACK"
			outcome rolled-back
		else
			incomplete
			outcome_incomplete rollback
		fi
	fi
	[ -z "$OWN_WORK" ] || { rm -rf "$WORK" && rmdir $RUN 2>/dev/null; }
	exit "$code"
}
