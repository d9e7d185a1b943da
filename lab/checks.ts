import { exec } from "./host.ts";
import { site } from "./site.ts";

/** One thing that a physical server was asked to do, and the outcome. */
export interface Check {
	what: string;
	ok: boolean;
	/** What the server saw, in one line. */
	seen: string;
}

const web = `web.default.svc.${site.clusterDomain}`;
const clusterIpName = `web-http.default.svc.${site.clusterDomain}`;

/** Checks everything that the project promises a physical server, on that server and with its own tools. */
export async function checkServer(server: string): Promise<Check[]> {
	const ask = async (what: string, argv: string[], expected: (stdout: string) => boolean): Promise<Check> => {
		const { stdout, exitCode } = await exec(server, argv, { check: false, timeoutSeconds: 20 });
		return { what, ok: exitCode === 0 && expected(stdout), seen: stdout.trim().split("\n").join("; ") };
	};
	const fetched = (url: string) => ["curl", "--silent", "--fail", "--max-time", "5", url];
	const pods: Check[] = [];
	for (const [index] of site.workers.entries()) {
		const name = `web-${index}.${web}`;
		const resolved = await ask(`getent hosts ${name}`, ["getent", "hosts", name], (text) =>
			text.startsWith("192.244."),
		);
		const address = resolved.seen.split(/\s/)[0] ?? "";
		pods.push(
			resolved,
			await ask(`curl http://${address}`, fetched(`http://${address}`), (body) => body.includes(`web-${index}`)),
		);
		if (index === 0) {
			pods.push(
				await ask(`traceroute ${address}`, ["traceroute", "-n", "-q", "1", "-w", "2", "-m", "4", address], (text) =>
					new RegExp(`^ ?1 +${site.gateway.address.replaceAll(".", "\\.")}`, "m").test(text),
				),
			);
		}
	}
	return [
		...pods,
		await ask(`curl http://${clusterIpName}`, fetched(`http://${clusterIpName}`), (body) => body.includes("web-")),
		await ask(`getent hosts ${site.outsideName.name}`, ["getent", "hosts", site.outsideName.name], (text) =>
			text.startsWith(site.outsideName.address),
		),
	];
}

/** Whether the server reaches nothing of the cluster, neither by name nor by address, as before the first `up`. */
export async function isCutOff(server: string): Promise<boolean> {
	const name = await exec(server, ["getent", "hosts", `web-0.${web}`], { check: false, timeoutSeconds: 20 });
	const ping = await exec(server, ["ping", "-c", "1", "-W", "1", site.dnsAddress], {
		check: false,
		timeoutSeconds: 20,
	});
	const route = await exec(server, ["ip", "route", "get", "192.244.190.130"], { check: false });
	return name.exitCode !== 0 && ping.exitCode !== 0 && !route.stdout.includes(site.gateway.address);
}
