import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { siteDir } from "../lab/cache.ts";
import { kubeconfigFile, kubectl } from "../lab/cluster/cluster.ts";
import { exec, isUp } from "../lab/host.ts";
import { operatorKeyFile } from "../lab/keys.ts";
import { machines } from "../lab/machines.ts";
import { site } from "../lab/site.ts";

/** Texts by their names. Each is a part of a secret that occurs nowhere else. */
export type Secrets = ReadonlyMap<string, string>;

/** A place where a secret was found. It does not contain the secret's text. */
export interface Hit {
	readonly secret: string;
	/** Example: `ps-nm: /var/log/some`. */
	readonly place: string;
}

/** How often each process's arguments are read. It may become another program meanwhile (execve). */
const LOOKS = 10;

/** The place where a secret belongs, and the folders of other programs: the cluster's own store keeps what its API was given. */
const AT_HOME: readonly Hit[] = [
	{ secret: "the kubeconfig's client key", place: `${site.controlPlane.name}: /etc/kubernetes/admin.conf` },
];
const NOT_SEARCHED = ["etcd", "containerd"];

/** The secrets that the lab's settings name: the operator's SSH key, and the kubeconfig's client key. */
export async function givenSecrets(): Promise<Secrets> {
	const body = (await readFile(operatorKeyFile(), "utf8")).split("\n").slice(2, 4);
	const key = /client-key-data: (\S+)/.exec(await readFile(kubeconfigFile(), "utf8"))?.[1] ?? "";
	const pem = Buffer.from(key, "base64").toString().split("\n");
	return new Map([
		["the SSH private key, line 2", body[0] ?? ""],
		["the SSH private key, line 3", body[1] ?? ""],
		["the kubeconfig's client key", key.slice(200, 260)],
		["the kubeconfig's client key, PEM", pem[2] ?? ""],
	]);
}

/** Prints the description and the secret of each new bootstrap token, in base64. */
const WATCH = [
	...["--namespace", "kube-system", "get", "secrets", "--watch"],
	...["--field-selector", "type=bootstrap.kubernetes.io/token"],
	...["--output", 'jsonpath={.data.description} {.data.token-secret}{"\\n"}'],
];

/** Watches while Pulumi is at work: reads the arguments of every process on this machine and its hosts, and finds bootstrap tokens. */
export class Witness {
	/** All arguments that were seen. */
	readonly commands = new Set<string>();
	/** The secret parts of the bootstrap tokens that were made. */
	readonly tokens = new Set<string>();
	samples = 0;
	#looking = true;
	readonly #work = Promise.all([this.#watchCommands(), this.#watchTokens()]);

	async end(): Promise<void> {
		this.#looking = false;
		await exec(site.controlPlane.name, ["pkill", "--full", "get secrets --watch"], { check: false });
		await this.#work;
	}

	async #watchCommands(): Promise<void> {
		const looks = new Map<string, number>();
		for (; this.#looking; await sleep(50)) {
			const pids = new Set((await readdir("/proc")).filter((name) => /^\d+$/.test(name)));
			for (const pid of looks.keys()) if (!pids.has(pid)) looks.delete(pid);
			for (const pid of pids) {
				const before = looks.get(pid) ?? 0;
				if (before === LOOKS) continue;
				looks.set(pid, before + 1);
				this.commands.add(await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => ""));
			}
			this.samples++;
		}
	}

	/** A watch, because a token exists only during a join, for a few seconds. */
	async #watchTokens(): Promise<void> {
		const watched = await kubectl(WATCH, { check: false, timeoutSeconds: 3600 });
		const plain = (value = "") => Buffer.from(value, "base64").toString();
		for (const line of watched.split("\n")) {
			const [description, secret] = line.split(" ").map(plain);
			if (secret && description?.startsWith("pod-gateway")) this.tokens.add(secret);
		}
	}
}

/** Finds secrets in Pulumi's state, in the files and journals of every host that is up, and in the arguments that were seen. */
export async function searchEverywhere(secrets: Secrets, commands: Iterable<string>): Promise<readonly Hit[]> {
	const names = new Map([...secrets].map(([name, text]) => [text, name]));
	const patterns = [...names.keys()].join("\n");
	const hits = (where: string, lines: string) =>
		lines.split("\n").flatMap((line) => {
			const text = [...names.keys()].find((one) => line.endsWith(`:${one}`));
			if (text === undefined) return [];
			return [{ secret: names.get(text) ?? "", place: `${where}: ${line.slice(0, -text.length - 1)}` }];
		});
	const ofHosts = machines
		.filter(({ name }) => isUp(name))
		.map(async ({ name }) => hits(name, (await exec(name, ["sh", "-euc", SEARCH], { input: patterns })).stdout));
	const state = execa("grep", ["-roaF", "-f", "-", siteDir("pulumi")], { input: patterns, reject: false });
	const ofCommands = [...commands].flatMap((command) => {
		const text = [...names.keys()].find((one) => command.includes(one));
		return text === undefined ? [] : [{ secret: names.get(text) ?? "", place: "the arguments of a process" }];
	});
	const found = [...hits("the state", (await state).stdout), ...(await Promise.all(ofHosts)).flat(), ...ofCommands];
	const isAtHome = ({ secret, place }: Hit) => AT_HOME.some((home) => home.secret === secret && home.place === place);
	return found.filter((hit) => !isAtHome(hit));
}

/** Prints `FILE:SECRET` for each hit. Reads the journal by journalctl, because its files may be compressed. */
const SEARCH = `
patterns=$(mktemp /dev/shm/XXXXXX)
trap 'rm -f "$patterns"' EXIT
cat >"$patterns"
grep -roaF -s -D skip ${NOT_SEARCHED.map((name) => `--exclude-dir=${name}`).join(" ")} -f "$patterns" \\
	/var /etc /root /home /tmp /run /usr/local || [ $? -le 2 ]
journalctl --no-pager --output export | grep -oaF -f "$patterns" | sed 's/^/journal:/' || true
`;
