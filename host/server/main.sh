# shellcheck shell=sh disable=SC2034,SC2154
# --- the command line ---

usage() { sed -n '2,/^set -u/{/^set -u/d;s/^# \{0,1\}//;p;}' "$SELF"; }
misused() {
	say "$1; see: $SELF help"
	outcome refused
	exit 2
}

# in_service VERB SECONDS: runs the verb in a service of its own. systemd ends the service's processes after that time. When the
# service has ended, for whatever reason, systemd settles its unfinished transaction. This process only passes on what it says.
in_service() {
	for tool in ip systemctl systemd-run flock timeout getent sync sha256sum find; do
		command -v $tool >/dev/null || refuse "there is no $tool on this server"
	done
	{
		cat "$SELF" >"$WORK/script" && echo $$ >"$WORK/front" &&
			printf '%s\n' "$OPERATOR" "${SSH_PORT:-22}" "$BY" "${SUDO_USER:-}" "$SELF" "$ONLY" "$EVERY" >"$WORK/request"
	} || refuse 'there is no room in /run'
	# The run needs this folder until it ends. The last of both processes removes it.
	trap 'OWN_WORK=; exit 1' HUP INT TERM
	tries=0
	while [ ! -e "$WORK/begun" ]; do
		state=$(systemctl show -p ActiveState --value $RUN_UNIT 2>/dev/null)
		case $state in
		'' | inactive | failed)
			systemd-run --quiet --pipe --wait --collect --service-type=exec --unit=$RUN_UNIT \
				-p "RuntimeMaxSec=$2" -p TimeoutStopSec=90 -p KillSignal=SIGKILL \
				-p "ExecStopPost=/bin/sh $WORK/script settle $WORK" /bin/sh "$WORK/script" work "$1" "$WORK" </dev/null
			code=$?
			[ ! -e "$WORK/begun" ] || break
			;;
		esac
		tries=$((tries + 1))
		[ $tries -lt $TURN_LIMIT ] ||
			refuse "no turn within $TURN_LIMIT s: $RUN_UNIT.service is ${state:-not to be started by systemd-run}; see: systemctl status $RUN_UNIT"
		sleep 1
	done
	if [ ! -e "$WORK/told" ]; then
		code=1
		if [ -s "$WORK/missing" ] && [ ! -e "$WORK/settled" ]; then
			what=rollback
			[ "$1" != restore ] || [ -e "$PENDING" ] || what=restore
			say "the run was ended before it was done, and the $what is incomplete: $(join ';' <"$WORK/missing")"
			outcome_incomplete $what
		elif [ -e "$WORK/settled" ]; then
			say 'the run was ended before it was done (time limit, or somebody ended it); rolled back: this server is as it was before'
			outcome rolled-back
		else
			say "the run was ended before it could say what it did; see: $INSTALLED status"
			outcome unknown
		fi
	fi
	exit "$code"
}

# target: sets $TARGET to the file that resolv.conf leads to. Every verb needs it.
target() {
	TARGET=$(readlink -m $RESOLV_CONF) || refuse "cannot tell where $RESOLV_CONF leads (readlink)"
}

# read_request: reads what the process that started this service knows.
read_request() {
	{
		IFS= read -r OPERATOR && IFS= read -r SSH_PORT && IFS= read -r BY && IFS= read -r SUDO_USER &&
			IFS= read -r UPLOAD && IFS= read -r ONLY && IFS= read -r EVERY
	} <"$WORK/request"
}

verb=${1:-}
WORK='' OWN_WORK='' UNFINISHED='' NAMES_UNTOUCHED='' DURABLE='' WANTED=0
ONLY='' EVERY='' DRY_RUN='' STACK='' OPERATOR='' SSH_PORT='' BY='' UPLOAD='' ALL='' previous_method=none server_method=none
case $verb in
settle) ;;
work) SELF=$0 && target ;;
*) SELF=$(readlink -f "$0") ;;
esac
case $verb in
apply | restore | reapply | rollback)
	be_root "$@"
	shift
	while [ $# -gt 0 ]; do
		case $verb:$1 in
		apply:--dry-run | restore:--dry-run) DRY_RUN=1 ;;
		restore:--all) EVERY=1 ;;
		restore:--stack)
			[ $# -ge 2 ] || misused '--stack needs a name'
			shift
			ONLY=$1
			;;
		*) misused "$verb does not know '$1'" ;;
		esac
		shift
	done
	;;
status | detect) [ $# -eq 1 ] || misused "$verb takes no argument" ;;
work | settle) [ -d "${3:-${2:-}}" ] || exit 2 ;;
help | --help | -h)
	usage
	exit
	;;
*)
	usage >&2
	exit 2
	;;
esac

case $verb in
work)
	WORK=$3
	true >"$WORK/begun" && read_request || exit 2
	[ "$2" != apply ] || read_desired "$WORK/desired" checked
	trap at_exit EXIT
	"$2"
	exit
	;;
settle)
	# systemd calls this after each run. Usually there is nothing to do.
	WORK=$2
	if [ -e "$PENDING" ] || [ -e "$FINISHED" ] || [ ! -e "$WORK/told" ]; then
		{ target && read_request; } || exit 1
		unfinished=
		[ ! -e "$PENDING" ] || unfinished=1
		take_lock 30 && settle 'a change was not committed in time, or its run was ended' &&
			{ [ -z "$unfinished" ] || true >"$WORK/settled"; }
	fi
	code=$?
	read -r front <"$WORK/front"
	kill -0 "$front" 2>/dev/null || rm -rf "$WORK"
	exit $code
	;;
esac

uid
if [ "$uid" -eq 0 ]; then
	case $verb in
	status | detect) WORK=$(mktemp -d) || exit 2 ;;
	*)
		[ -d $RUN ] || mkdir -m 700 $RUN
		WORK=$(mktemp -d $RUN/work.XXXXXX) || refuse 'there is no room in /run'
		;;
	esac
else
	WORK=$(mktemp -d) || exit 2
fi
OWN_WORK=1
trap at_exit EXIT
trap 'exit 1' HUP INT TERM
# apply and restore run in a service, which calls target itself.
case $verb$DRY_RUN in apply | restore) ;; *) target ;; esac
case $verb in
apply)
	operator
	cat >"$WORK/desired" || refuse 'there is no room in /run'
	read_desired "$WORK/desired"
	true >"$WORK/drift"
	if [ -n "$DRY_RUN" ]; then dry_apply; else in_service apply $((ROLLBACK_AFTER - MARGIN)); fi
	;;
restore)
	operator
	if [ -n "$DRY_RUN" ]; then dry_restore; else in_service restore 90; fi
	;;
rollback)
	BY=$(id -un)
	take_lock 20 || refuse "another run of pod-gateway holds $LOCK"
	settle 'asked for by hand' || exit 1
	;;
detect) dns_owner && echo "$owner" ;;
*) "$verb" ;;
esac
