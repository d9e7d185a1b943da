# shellcheck shell=sh disable=SC2034,SC2154
# --- files: the plan, the difference, and the only commands that change a file ---

# The plan is $WORK/plan, a line a path: "CLASS KIND ARGUMENT PATH". CLASS is tool (this script), recovery (the units that run it, to
# undo what was cut off), names (what resolvers read), or state. KIND is file (ARGUMENT: the file with its contents), link (ARGUMENT:
# its target) or none.

# want CLASS PATH: plans a file; $want is where its contents go.
want() {
	WANTED=$((WANTED + 1))
	want=$WORK/want.$WANTED
	true >"$want" && printf '%s file %s %s\n' "$1" "$want" "$2" >>"$WORK/plan"
}
want_copy() { printf '%s file %s %s\n' "$1" "$3" "$2" >>"$WORK/plan"; }
want_link() { printf '%s link %s %s\n' "$1" "$3" "$2" >>"$WORK/plan"; }
want_none() { printf '%s none - %s\n' "$1" "$2" >>"$WORK/plan"; }

# look PATH…: prints what is there, a line each: "SHA-256  PATH" for a file, "link TARGET PATH" for a link. It also prints "exists file
# PATH" and "exists link PATH": a path with only such a line could not be read, which is not the same as absent.
look() {
	[ $# -gt 0 ] || return 0
	links=
	for path; do
		[ ! -f "$path" ] || echo "exists file $path"
		[ ! -L "$path" ] || { links="$links $path" && echo "exists link $path"; }
	done
	sha256sum -- "$@" 2>/dev/null
	# shellcheck disable=SC2086 # a list of paths without blanks
	[ -z "$links" ] || find $links -maxdepth 0 -type l -printf 'link %l %p\n' 2>/dev/null
	return 0
}

# compare_plan: writes to $WORK/changes the paths that are not as planned: "CLASS KIND ARGUMENT OLD NEW PATH", where OLD and NEW are a
# SHA-256, link:TARGET, or - for nothing.
compare_plan() {
	[ -z "$UNWRITTEN" ] || return 1
	paths=
	# Also reads the block of resolv.conf alone, because plan_written notes its checksum.
	[ ! -e "$WORK/block" ] || paths=" $WORK/block"
	while read -r _ kind argument path; do
		paths="$paths $path"
		[ "$kind" != file ] || paths="$paths $argument"
	done <"$WORK/plan"
	# shellcheck disable=SC2086 # a list of paths without blanks
	look $paths >"$WORK/there" || return 1
	awk '
		FILENAME == ARGV[1] && $1 == "exists" { exists[$2, $3]; next }
		FILENAME == ARGV[1] { if ($1 == "link") { target[$3] = "link:" $2; next } sum[$2] = $1; next }
		(("file", $4) in exists) && !($4 in sum) || (("link", $4) in exists) && !($4 in target) { exit 1 }
		{
			old = ($4 in sum) ? sum[$4] : ($4 in target) ? target[$4] : "-"
			if ($2 == "file") new = sum[$3]
			if ($2 == "link") { new = "link:" $3; if ($4 in target) old = target[$4] }
			if ($2 == "none") { new = "-"; if ($4 in target) old = target[$4] }
			if ($2 == "file" && new == "") { exit 1 }
			if (old != new) print $1, $2, $3, old, new, $4
		}' "$WORK/there" "$WORK/plan" >"$WORK/changes"
}

# seen_sum PATH: sets $sum to the SHA-256 that the last comparison saw there. Fails if it did not see a file.
seen_sum() { while read -r sum name; do [ "$name" != "$1" ] || return 0; done <"$WORK/there"; return 1; }

# lines_but NAME GREP…: writes the lines that do not match into $WORK/NAME. It does not fail if there are none.
lines_but() {
	lines_to=$WORK/$1
	shift
	grep -v "$@" >"$lines_to"
	[ $? -le 1 ]
}

# changed CLASS: whether anything of that class differs.
changed() { while read -r class _; do [ "$class" != "$1" ] || return 0; done <"$WORK/changes"; return 1; }

# beside PATH SUFFIX: sets $beside to a name in the same folder that dnsmasq, NetworkManager, systemd and iproute2 do not read.
beside() { beside=${1%/*}/.${1##*/}.pod-gateway-$2; }

# The same for awk.
# shellcheck disable=SC2016 # awk's own
BESIDE='
	function beside(p, suffix,   n, part, folder) {
		n = split(p, part, "/"); folder = substr(p, 1, length(p) - length(part[n]))
		return folder "." part[n] ".pod-gateway-" suffix
	}
'
# prepare_files: writes the new file of each change beside the old one, and makes a second name for the old one. If there is no room,
# this fails here, before any change. A file of others (resolv.conf) keeps its owner, mode and labels.
prepare_files() {
	texts='' makes=''
	while read -r _ kind argument _ _ path; do
		[ -d "${path%/*}" ] || makes="$makes ${path%/*}"
		[ "$kind" != file ] || [ "$path" = "$TARGET" ] || texts="$texts $argument"
		DURABLE="$DURABLE ${path%/*}"
	done <"$WORK/changes"
	# shellcheck disable=SC2086 # a list of paths without blanks
	if [ -n "$makes" ]; then mkdir -p $makes || return 1; fi
	# One process writes all of them. An error that it does not see is found when the files are read back.
	# shellcheck disable=SC2086 # a list of paths without blanks
	if [ -n "$texts" ]; then
		awk "$BESIDE"'
			FILENAME == ARGV[1] { if ($2 == "file") { out = to[$3] = beside($6, "new"); printf "" >out; close(out); out = "" } next }
			FNR == 1 { if (out != "") if (close(out)) failed = 1; out = to[FILENAME]; printf "" >out }
			{ print >out }
			END { if (out != "") if (close(out)) failed = 1; exit failed }' "$WORK/changes" $texts || return 1
	fi
	while read -r _ kind argument old _ path; do
		if [ "$old" != - ]; then
			beside "$path" old
			ln -fP "$path" "$beside" || return 1
		fi
		beside "$path" new
		case $kind:$path in
		file:"$TARGET")
			if [ "$old" != - ]; then cp -afT --attributes-only "$path" "$beside" || return 1; fi
			cat "$argument" >"$beside" || return 1
			;;
		file:"$INSTALLED") chmod 755 "$beside" || return 1 ;;
		esac
		[ "$kind" != file ] || DURABLE="$DURABLE $beside"
	done <"$WORK/changes"
}

# put_prepared KIND ARGUMENT PATH: replaces the old file by the prepared one, in one rename.
put_prepared() {
	DURABLE="$DURABLE ${3%/*}"
	case $1 in
	none) rm -f "$3" ;;
	link) ln -sfn "$2" "$3" ;;
	file)
		beside "$3" new
		mv -fT "$beside" "$3"
		;;
	esac
}

# make_durable: brings to disk what was prepared or put since the last call (fsync(2), once for each file and folder).
make_durable() {
	list=
	for path in $DURABLE; do
		case " $list " in *" $path "*) ;; *) [ ! -e "$path" ] || list="$list $path" ;; esac
	done
	DURABLE=
	# shellcheck disable=SC2086 # a list of paths without blanks
	[ -z "$list" ] || sync $list
}

# put_class CLASS: makes the plan's changes of that class.
put_class() {
	while read -r class kind argument _ _ path; do
		[ "$class" != "$1" ] || put_prepared "$kind" "$argument" "$path" || { say "$path cannot be changed"; return 1; }
	done <"$WORK/changes"
	make_durable || { say 'the files that were written could not be synced to the disk'; return 1; }
}

# put_text PATH: writes standard input to one file of ours, durably.
put_text() {
	beside "$1" new
	cat >"$beside" && rename_durably "$beside" "$1"
}
rename_durably() { sync "$1" && mv -fT "$1" "$2" && sync "${2%/*}"; }

# remove_files PATH…: removes them, durably.
remove_files() {
	[ $# -gt 0 ] || return 0
	rm -f "$@" || return 1
	for path; do DURABLE="$DURABLE ${path%/*}"; done
	make_durable
}

# remove_folders FOLDER…: removes the empty ones, the deepest first. The others have somebody else's files by now.
remove_folders() {
	[ $# -eq 0 ] || printf '%s\n' "$@" | sort -r | xargs rmdir 2>/dev/null || :
}

# --- edits of other people ---

# own_part FILE: prints the part of a file that is ours: of resolv.conf only the block.
own_part() {
	case $1 in
	"$TARGET") sed -n "/^$BLOCK_BEGIN/,/^$BLOCK_END/p" "$1" ;;
	*) cat "$1" ;;
	esac
}

# keep_edits: keeps a copy of each file of ours that somebody has edited, before a change replaces it, and says where the copy is.
keep_edits() {
	notes=$WRITTEN
	[ -f "$notes" ] || notes=$STATE/written
	[ -f "$notes" ] || return 0
	while read -r class kind _ old _ path; do
		[ "$class" != state ] || continue
		case $old in -) continue ;; esac
		written=
		while read -r sum name; do [ "$name" != "$path" ] || written=$sum; done <"$notes"
		[ -n "$written" ] || continue
		now_sum=$old
		if [ "$path" = "$TARGET" ]; then
			[ -n "$(own_part "$path")" ] || continue
			now_sum=$(own_part "$path" | sha256sum | cut -d ' ' -f 1)
		fi
		[ "$now_sum" != "$written" ] || continue
		copy=$BACKUPS/${path##*/}.$(echo "$now_sum" | tr -cd 0-9a-f | cut -c 1-12)
		(umask 077 && mkdir -p "$BACKUPS") && cp -a "$path" "$copy" && sync "$copy" "$BACKUPS" || return 1
		say "$path was edited since pod-gateway wrote it: kept as $copy"
	done <"$WORK/changes"
}

# difference KIND ARGUMENT PATH: prints the lines that will change in the file, as a patch.
difference() {
	old=$3
	[ -f "$old" ] || old=/dev/null
	if [ "$1" = none ]; then
		echo "- file $3"
	elif [ "$1" = link ] || [ "$3" = $INSTALLED ] || ! command -v diff >/dev/null; then
		echo "~ file $3"
	else
		diff -u --label "$old" --label "$3" "$old" "$2"
	fi
}
