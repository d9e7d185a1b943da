import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { kubeconfigFile } from "./cluster/cluster.ts";
import { hostPublicKey, operatorKeyFile } from "./keys.ts";
import { site } from "./site.ts";

/** The settings of the stack `lab`: the site as it is, with this lab's keys. Data as in `stacks/Pulumi.<env>.yaml`. */
export async function labSettings() {
	const hostKeys = new Map<string, string>();
	for (const { name } of [site.gateway, ...site.servers]) {
		hostKeys.set(name, await hostPublicKey(name));
	}
	const machine = ({ name, address }: { name: string; address: string }) => ({
		name,
		address,
		hostKey: hostKeys.get(name) ?? "",
	});
	return {
		"pod-gateway:cluster": { kubeconfigFile: kubeconfigFile() },
		"pod-gateway:ssh": { user: "root", privateKeyFile: operatorKeyFile() },
		"pod-gateway:gateways": [machine(site.gateway)],
		"pod-gateway:verify": {
			names: [`web-http.default.svc.${site.clusterDomain}`],
			pods: [`web.default.svc.${site.clusterDomain}`],
			outside: [site.outsideName.name],
		},
		"pod-gateway:servers": site.servers.map(machine),
	};
}

export type LabSettings = Awaited<ReturnType<typeof labSettings>>;

/** Where the stack's settings lie in the checkout; made by {@link writeStack}, not committed, since its keys are this lab's. */
export const labStackFile = join(import.meta.dirname, "..", "stacks", "Pulumi.lab.yaml");

/** Writes the stack's settings; what Pulumi itself keeps in that file (the passphrase's salt) stays. */
export async function writeStack(settings: object): Promise<void> {
	const document = parseDocument(existsSync(labStackFile) ? readFileSync(labStackFile, "utf8") : "");
	document.set("config", settings);
	document.commentBefore = " Made by the lab from its site and keys; every `npm run demo` writes it anew.";
	await writeFile(labStackFile, document.toString({ lineWidth: 0 }));
}
