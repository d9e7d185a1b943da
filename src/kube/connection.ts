import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import {
	type Configuration,
	createConfiguration,
	KubeConfig,
	type SecurityAuthentication,
	ServerConfiguration,
	wrapHttpLibrary,
} from "@kubernetes/client-node";
import { printable, printableReason } from "../core/values/printable.ts";
import { atHome, type SecretText } from "../core/values/secretText.ts";

/** Seconds one call may take, its whole answer too: where the API server's host is powered off nothing ever answers. */
const CALL_SECONDS = 10;
/** Seconds for the program that a kubeconfig names to give its credentials (`users[].user.exec`); it may ask a cloud. */
const CREDENTIALS_SECONDS = 60;

/** The API server could not be reached: nobody knows what it would have said. */
export class ClusterUnreachable extends Error {
	override name = "ClusterUnreachable";
	/** Whether nothing answered at all: only such a cluster may be taken for gone. */
	readonly silent: boolean;

	constructor(message: string, { silent = true }: { silent?: boolean } = {}) {
		super(message);
		this.silent = silent;
	}
}

/** What Node.js and the kernel call it when a host does not answer. */
const SILENCE = ["ETIMEDOUT", "EHOSTUNREACH", "EHOSTDOWN"];

/**
 * How to call a cluster's API, for the clients of @kubernetes/client-node: every call ends within about 10 s, with
 * ClusterUnreachable where there was no answer, or only its beginning. A program that gives credentials has 60 s before.
 *
 * @param kubeconfig contents of a kubeconfig file, or the file. @param context its context; default: its current one.
 * @throws Error when the kubeconfig is none, or has no such context.
 */
export function clusterConnection(kubeconfig: SecretText, context?: string): Configuration {
	const config = new KubeConfig();
	try {
		if (typeof kubeconfig === "string") config.loadFromString(kubeconfig);
		else config.loadFromFile(atHome(kubeconfig.file));
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		const which = typeof kubeconfig === "string" ? "the kubeconfig" : `the kubeconfig ${kubeconfig.file}`;
		// The parser's own words quote the text.
		throw new Error(`${which} cannot be read${code === undefined ? "" : ` (${code})`}`);
	}
	if (context !== undefined) config.setCurrentContext(context);
	const server = config.getCurrentCluster()?.server;
	if (server === undefined) {
		throw new Error(`the kubeconfig has no cluster for its context ${JSON.stringify(config.getCurrentContext())}`);
	}
	return createConfiguration({
		baseServer: new ServerConfiguration(server, {}),
		authMethods: { default: withinTime(config) },
		httpApi: bounded(server),
	});
}

/** The usual way to send requests, with a limit to the time of each one. */
function bounded(server: string) {
	const { httpApi } = createConfiguration();
	return wrapHttpLibrary({
		async send(request) {
			const limit = AbortSignal.timeout(CALL_SECONDS * 1000);
			request.setSignal(limit);
			let answered = false;
			const reached = async <T>(step: Promise<T>): Promise<T> =>
				step.catch((error: Error & { code?: string }) => {
					const late = `no ${answered ? "end of its answer" : "answer"} within ${CALL_SECONDS} s`;
					const reason = limit.aborted ? late : printableReason(error.message);
					const silent = !answered && (limit.aborted || SILENCE.includes(error.code ?? ""));
					throw new ClusterUnreachable(`the API server ${server} cannot be reached: ${reason}`, { silent });
				});
			const response = await reached(httpApi.send(request).toPromise());
			answered = true;
			// The status comes first; what it is about may never come.
			const { body } = response;
			response.body = { text: () => reached(body.text()), binary: () => reached(body.binary()) };
			return response;
		},
	});
}

/** The same way to authenticate, given up after its time, with the program that was to give credentials. */
function withinTime(config: KubeConfig): SecurityAuthentication {
	const endPrograms = programsOf(config);
	return {
		getName: () => config.getName(),
		async applySecurityAuthentication(context) {
			const limit = AbortSignal.timeout(CREDENTIALS_SECONDS * 1000);
			const { exec } = config.getCurrentUser() ?? {};
			const late = new Promise<never>((_, reject) => {
				const program = printable(exec?.command ?? "the kubeconfig's user");
				const why = `${program}, which the kubeconfig names, gave no credentials within ${CREDENTIALS_SECONDS} s`;
				limit.addEventListener("abort", () => {
					endPrograms();
					reject(new ClusterUnreachable(why, { silent: false }));
				});
			});
			await Promise.race([config.applySecurityAuthentication(context), late]);
		},
	};
}

/** What starts a kubeconfig's programs in @kubernetes/client-node 1.4, which never ends them and shows this to nobody. */
interface Starter {
	execFn?: (command: string, args: readonly string[] | undefined, options: SpawnOptions) => ChildProcess;
}

/** The programs that give credentials just now. None of them outlives this process. */
const programs = new Set<ChildProcess>();
process.once("exit", () => end(programs));

/** Has the programs of a kubeconfig started so that they can be ended, with all that they have started. @returns what ends them. */
function programsOf(config: KubeConfig): () => void {
	const own = new Set<ChildProcess>();
	const { authenticators } = config as unknown as { readonly authenticators: readonly Starter[] };
	for (const starter of authenticators.filter(({ execFn }) => execFn !== undefined)) {
		starter.execFn = (command, args, options) => {
			// In a process group of its own: a program may be a script that waits for another one.
			const child = spawn(command, args ?? [], { ...options, detached: true });
			for (const set of [own, programs]) {
				set.add(child);
				child.once("close", () => set.delete(child));
			}
			return child;
		};
	}
	return () => end(own);
}

function end(children: Iterable<ChildProcess>): void {
	for (const { pid } of children) {
		try {
			if (pid !== undefined) process.kill(-pid, "SIGKILL");
		} catch {
			// It has just ended by itself.
		}
	}
}
