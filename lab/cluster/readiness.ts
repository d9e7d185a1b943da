import { setTimeout as sleep } from "node:timers/promises";
import { exec } from "../host.ts";
import { site } from "../site.ts";
import { kubectl } from "./kubectl.ts";

/** The parts of the API's answer that say whether nodes and pods are ready. */
interface Listed {
	readonly items: readonly {
		readonly kind: string;
		readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
		readonly spec?: { readonly nodeName?: string };
		readonly status: {
			readonly podIP?: string;
			readonly conditions?: readonly { readonly type: string; readonly status: string }[];
		};
	}[];
}

/** The nodes that the lab itself makes. The program makes the gateway's. */
const ownNodes = [site.controlPlane.name, ...site.workers.map(({ name }) => name)];

/** What the cluster still lacks, in words; empty when it is ready. Throws when the API does not answer. */
export async function missing(): Promise<string[]> {
	const text = await kubectl(["get", "nodes,pods", "--all-namespaces", "--output", "json"], { timeoutSeconds: 10 });
	const { items }: Listed = JSON.parse(text);
	const ready = items.filter(({ status }) => status.conditions?.some((c) => c.type === "Ready" && c.status === "True"));
	const nodes = new Set(ready.filter(({ kind }) => kind === "Node").map(({ metadata }) => metadata.name));
	const pods = ready.filter(({ kind }) => kind === "Pod");
	const count = (label: string, value: string, node?: string) =>
		pods.filter((pod) => pod.metadata.labels?.[label] === value && (!node || pod.spec?.nodeName === node)).length;

	const absent = ownNodes.filter((name) => !nodes.has(name)).map((name) => `node ${name}`);
	for (const name of ownNodes) {
		for (const app of ["calico-node", "kube-proxy"]) if (!count("k8s-app", app, name)) absent.push(`${app} on ${name}`);
	}
	if (!count("k8s-app", "kube-dns")) absent.push("CoreDNS");
	const missingWeb = site.workers.length - count("app", "web");
	if (missingWeb > 0) absent.push(`${missingWeb} web pods`);
	if (absent.length > 0) return absent;

	// After a power cut, the API reports the state before it for a while. Only what answers is really ready.
	const web = pods.filter(({ metadata }) => metadata.labels?.["app"] === "web").map(({ status }) => status.podIP);
	const answers = await Promise.all(
		[`${site.dnsAddress}:9153/metrics`, ...web.map((address) => `${address}:80/`)].map(get),
	);
	return answers.filter((answer) => answer !== undefined);
}

/** Asks by HTTP from the control plane's host, as a node does. @returns what does not answer, in words, or undefined */
async function get(target: string): Promise<string | undefined> {
	const argv = ["curl", "--silent", "--fail", "--max-time", "2", "--output", "/dev/null", `http://${target}`];
	const { exitCode } = await exec(site.controlPlane.name, argv, { check: false });
	return exitCode === 0 ? undefined : `an answer from ${target}`;
}

/** Waits until nothing is missing, for at most so many seconds. The error names what is missing. */
export async function awaitReady(seconds: number): Promise<void> {
	const deadline = Date.now() + seconds * 1000;
	let absent: string[];
	do {
		absent = await missing();
		if (absent.length === 0) return;
		await sleep(500);
	} while (Date.now() < deadline);
	throw new Error(
		`The cluster is not ready after ${seconds} s; missing: ${absent.join(", ")}. ` +
			`See: npm run lab -- exec ${site.controlPlane.name} -- kubectl --kubeconfig /etc/kubernetes/admin.conf get events -A`,
	);
}
