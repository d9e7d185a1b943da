import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { HostSandbox } from "../node/hostSandbox.ts";

/** The script of a physical server. */
export const SCRIPT = "server-network.sh";

/** What systemd-run does with a run of the script: starts it, waits for it, and then runs what is to follow. */
const SYSTEMD_RUN = `while [ $# -gt 0 ]; do
	case $1 in ExecStopPost=*) after=\${1#*=}; shift ;; -*|*=*) shift ;; *) break ;; esac
done
"$@"
code=$?
$after
exit $code`;

/** A sandbox of a server with one address, 10.200.0.31/24, on which its next hops are; its kernel keeps no routes. */
export class ServerSandbox extends HostSandbox {
	constructor() {
		super();
		this.command("id", '[ "$1" = -u ] && echo 0 || echo root');
		this.command("getent", 'case $1 in passwd) echo "root:x:0:0::$root/root:/bin/sh" ;; *) exit 2 ;; esac');
		this.command("systemd-run", SYSTEMD_RUN);
		this.write("/journal", "");
		this.write("/proc/net/tcp", "");
		this.command("systemd-cat", 'shift 5; echo "$*" >>"$root/journal"');
		for (const folder of ["root", "usr/local/sbin", "usr/local/lib"])
			mkdirSync(join(this.root, folder), { recursive: true });
		this.running();
		this.routes({});
	}

	/** Makes systemd tell of these services as running, beside our units, and of no other. */
	running(...services: string[]): void {
		this.command(
			"systemctl",
			`[ "$1" = is-active ] || exit 0
shift
for unit; do
	case " pod-gateway.timer pod-gateway.path ${services.join(" ")} " in *" $unit "*) echo active ;; *) echo inactive ;; esac
done`,
		);
	}

	/**
	 * What the kernel shows: routes of both families as `ip -o route show` has them, and how it gets to what is neither on the
	 * server's network nor listed in `to`.
	 */
	routes({ v4 = "", v6 = "", to = {} }: { v4?: string; v6?: string; to?: Readonly<Record<string, string>> }): void {
		const paths = Object.entries(to).map(([address, path]) => `${address}) echo '${address} ${path}' ;;`);
		this.command(
			"ip",
			`case "$*" in
*addr*) echo '2: eth0 inet 10.200.0.31/24 scope global eth0'; echo '2: eth0 inet6 fd00:200::31/64 scope global' ;;
*'route get'*) case $4 in ${paths.join(" ")} *) echo "$4 dev eth0 src 10.200.0.31" ;; esac ;;
*proto*) ;;
*-4*show*) printf '%s\\n' '${v4}' | grep . ;;
*-6*show*) printf '%s\\n' '${v6}' | grep . ;;
esac
exit 0`,
		);
	}
}

/** A desired state. @param more lines before `verify`. */
export function desired({ stack = "lab", method = "resolvconf", more = "", verify = "off" } = {}): string {
	return `pod-gateway 1
stack ${stack}
server db-1
dns-method ${method}
nameserver 192.96.0.10
domain cluster.local
${more}verify ${verify}
rollback-after 60
`;
}
