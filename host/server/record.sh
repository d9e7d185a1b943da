# shellcheck shell=sh disable=SC2034,SC2154
# --- who deployed what, and when: for audits, and for people who find their server changed ---

# The digests are the SHA-256 of the desired state. "before" is empty in the record of a first deployment.
record() {
	before=
	if [ -n "$MINE" ]; then seen_sum "$MINE" && before=$sum; fi
	json "$STACK"
	printf '{"at":"%s","by":"%s","stack":"%s","version":"%s","before":"%s","after":"%s"}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
		"$BY" "$json" "$VERSION" "$before" "$DIGEST"
}

# record_file STACK: sets $record to the file with its record, or to nothing if it has none.
record_file() {
	stack_folder "$1"
	record=$folder/record.json
	[ -s "$record" ] || { is_old_layout && [ "$(stack_of "$STATE/desired")" = "$1" ] && record=$STATE/record.json; }
	[ -s "$record" ] || record=
}

# result RESULT: prints the last line of an apply, for programs.
result() {
	[ -z "$WORK" ] || true >"$WORK/told"
	seen=$(date -u -r $SEEN +%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
	record_file "$STACK"
	in_record=null
	[ -z "$record" ] || read -r in_record <"$record" || :
	list=
	for name in $ALL; do
		json "$name"
		list="$list${list:+,}\"$json\""
	done
	json "$SERVER" && server=$json
	json "$STACK"
	count=0
	while read -r _ owner; do [ "$owner" != "$STACK" ] || count=$((count + 1)); done <"$WORK/owners"
	command printf '{"result":"%s","server":"%s","stack":"%s","routes":%d,"dnsMethod":"%s","digest":"%s",' \
		"$1" "$server" "$json" "$count" "$method" "$DIGEST" || :
	command printf '"inForceAt":"%s","stacks":[%s],"record":%s}\n' "$seen" "$list" "$in_record" || :
}
