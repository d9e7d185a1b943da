import { setTimeout as sleep } from "node:timers/promises";
import { siteDir } from "../cache.ts";
import { type ExecOptions, exec } from "../host.ts";
import { site } from "../site.ts";

/** The cluster administrator's kubeconfig. Only the site's machines reach the API that it names. */
export function kubeconfigFile(): string {
	return siteDir("kubeconfig");
}

/** Runs kubectl as the administrator, on the control plane's host, and returns what it wrote. */
export async function kubectl(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
	const env = { KUBECONFIG: "/etc/kubernetes/admin.conf" };
	return (await exec(site.controlPlane.name, ["kubectl", ...argv], { ...options, env })).stdout;
}

/** Creates or updates objects of any kinds. */
export async function apply(objects: readonly object[]): Promise<void> {
	const list = { apiVersion: "v1", kind: "List", items: objects };
	await kubectl(["apply", "--server-side", "--force-conflicts", "--filename", "-"], { input: JSON.stringify(list) });
}

/** Waits until the API serves, for at most a minute. */
export async function awaitApi(): Promise<void> {
	for (let tries = 0; tries < 120; tries++) {
		if ((await kubectl(["get", "--raw", "/readyz"], { check: false, timeoutSeconds: 5 })) === "ok") return;
		await sleep(500);
	}
	const { name } = site.controlPlane;
	throw new Error(`The API on ${name} is not ready; see: npm run lab -- exec ${name} -- journalctl -u kube-apiserver`);
}
