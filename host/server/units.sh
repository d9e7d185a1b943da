# shellcheck shell=sh disable=SC2034,SC2154
# --- what makes it last: systemd-networkd, NetworkManager and ifupdown all flush foreign routes at some point ---

PROTOCOL_FILE=/etc/iproute2/rt_protos.d/pod-gateway.conf
UNIT_FOLDER=/etc/systemd/system
SERVICE_FILE=$UNIT_FOLDER/pod-gateway.service
TIMER_FILE=$UNIT_FOLDER/pod-gateway.timer
PATH_FILE=$UNIT_FOLDER/pod-gateway.path
SERVICE_LINK=$UNIT_FOLDER/multi-user.target.wants/pod-gateway.service
TIMER_LINK=$UNIT_FOLDER/timers.target.wants/pod-gateway.timer
PATH_LINK=$UNIT_FOLDER/paths.target.wants/pod-gateway.path
UNITS='pod-gateway.timer pod-gateway.path'

# sh runs the installed script, as it runs the upload: where only known programs may run, both may, or neither.
service_unit() {
	header
	printf '%s\n' '[Unit]' \
		'Description=Routes and nameserver of the Kubernetes cluster behind pod-gateway' \
		'After=network.target' \
		'StartLimitIntervalSec=0' \
		'[Service]' \
		'Type=oneshot' \
		"ExecStart=/bin/sh $INSTALLED reapply" \
		'TimeoutStartSec=90' \
		'# Runs every few seconds: only warnings belong in the journal.' \
		'LogLevelMax=notice' \
		'[Install]' \
		'WantedBy=multi-user.target'
}

timer_unit() {
	header
	printf '%s\n' '[Unit]' \
		'Description=Put back routes and nameserver of pod-gateway when something took them away' \
		'[Timer]' \
		'OnBootSec=5' \
		'OnUnitInactiveSec=15' \
		'AccuracySec=1' \
		'[Install]' \
		'WantedBy=timers.target'
}

# DHCP clients rewrite resolv.conf at every renewal. This unit puts the names back at once, before the timer does.
path_unit() {
	header
	printf '%s\n' '[Unit]' \
		'Description=Put back the nameserver of pod-gateway when something wrote resolv.conf anew' \
		'[Path]' \
		"PathChanged=$RESOLV_CONF" \
		'Unit=pod-gateway.service' \
		'[Install]' \
		'WantedBy=paths.target'
}

# plan_recovery: plans what has to be on disk before the first change, and is removed last: the script, and the units that run it.
# Links enable the units, as systemctl(1) would, so that an undo treats them like files.
plan_recovery() {
	want_copy tool $INSTALLED "$SELF" &&
		want recovery $SERVICE_FILE && service_unit >"$want" &&
		want recovery $TIMER_FILE && timer_unit >"$want" &&
		want recovery $PATH_FILE && path_unit >"$want" &&
		want_link recovery $SERVICE_LINK $SERVICE_FILE &&
		want_link recovery $TIMER_LINK $TIMER_FILE &&
		want_link recovery $PATH_LINK $PATH_FILE &&
		want recovery $PROTOCOL_FILE && printf '%s\tpod-gateway\n' $PROTOCOL >"$want"
}
plan_no_recovery() {
	for path in $PROTOCOL_FILE $PATH_LINK $TIMER_LINK $PATH_FILE $TIMER_FILE $SERVICE_LINK $SERVICE_FILE; do
		want_none recovery "$path"
	done
	want_none tool $INSTALLED
}

reload_units() { timeout -k 2 $RELOAD_LIMIT systemctl daemon-reload 9>&-; }

units_run() { for unit in $UNITS; do active "$unit" || return 1; done; }

# arm: installs and starts the recovery. From then on this machine undoes the change by itself, even after a power cut.
arm() {
	{ put_class tool && put_class recovery; } || return 1
	if changed recovery; then
		reload_units || return 1
	else
		ACTIVE=
		! units_run || return 0
	fi
	# shellcheck disable=SC2086 # a list of units
	timeout -k 2 $RELOAD_LIMIT systemctl start $UNITS 9>&-
}

# stop_units: stops only the units that start the service, because the service that may run this must not stop itself.
stop_units() {
	# shellcheck disable=SC2086 # a list of units
	timeout -k 2 $RELOAD_LIMIT systemctl stop $UNITS 2>/dev/null 9>&-
	# systemd remembers a failed service even when its file is gone.
	timeout -k 2 $RELOAD_LIMIT systemctl reset-failed pod-gateway.service 2>/dev/null 9>&- || :
}
