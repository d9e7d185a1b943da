# shellcheck shell=sh disable=SC2034,SC2154
# --- who runs this ---

# uid: sets $uid to the number of the user that this runs as (proc(5)).
uid() {
	while read -r key _ uid _; do [ "$key" != Uid: ] || return 0; done 2>/dev/null </proc/self/status
	uid=$(id -u)
}

# Continues as root, by sudo, which keeps standard input. With -n sudo does not ask for a password: nobody is there to type one.
# A try with a harmless argument shows whether sudo allows this very command. If it does not, its own words say why.
be_root() {
	uid
	[ "$uid" -ne 0 ] || return 0
	words='there is no sudo here'
	if command -v sudo >/dev/null; then
		if words=$(sudo -n /bin/sh "$SELF" help 2>&1 >/dev/null); then exec sudo -n /bin/sh "$SELF" "$@"; fi
		# sudo-rs does not support wildcards in arguments; its rule names the script itself, which therefore has to be executable.
		# The installed script belongs to root and is executable already.
		chmod u+x "$SELF" 2>/dev/null
		if sudo -n "$SELF" help >/dev/null 2>&1; then exec sudo -n "$SELF" "$@"; fi
	fi
	user=$(id -un)
	rule="$user ALL=(root) NOPASSWD: /bin/sh ${SELF%/*}/.pod-gateway-host-*, /bin/sh $INSTALLED *"
	case $(sudo --version 2>&1) in
	*sudo-rs*) rule="$user ALL=(root) NOPASSWD: ${SELF%/*}/.pod-gateway-host-*, $INSTALLED" ;;
	esac
	refuse "this needs root (sudo: $words): log in as root, or install sudo and put this line into /etc/sudoers.d/pod-gateway:
$rule
If the line is already there, a later rule or a setting such as requiretty or noexec overrides it."
}

# operator: sets $OPERATOR to the address that the operator comes from, and $SSH_PORT to the port they came to. sudo removes this
# from the environment, so it is read from the parent processes (proc(5)).
operator() {
	connection=${SSH_CONNECTION:-}
	pid=$$ environments=
	while [ -z "$connection" ] && [ "${pid:-0}" -gt 1 ] && [ -r "/proc/$pid/environ" ]; do
		environments="$environments /proc/$pid/environ"
		parent=
		while read -r key value; do [ "$key" != PPid: ] || parent=$value; done <"/proc/$pid/status"
		pid=$parent
	done 2>/dev/null
	# Takes only that of the nearest process. With -z, what is between NUL bytes is a line.
	# shellcheck disable=SC2086 # a list of paths without blanks
	[ -z "$environments" ] || connection=$(sed -zn '/^SSH_CONNECTION=/{s///p;q}' $environments 2>/dev/null | tr -d '\0')
	SSH_PORT=${connection##* }
	connection=${connection%% *}
	OPERATOR=${connection%%\%*}
	BY=${SUDO_USER:-$(id -un)}${OPERATOR:+@$OPERATOR}
	case $BY in *[!A-Za-z0-9._:@-]*) BY=$(printf '%s' "$BY" | tr -cd 'A-Za-z0-9._:@-') ;; esac
}
