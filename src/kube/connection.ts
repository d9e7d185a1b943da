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

/** Seconds for one request and its whole answer. A host that is powered off never answers. */
const CALL_SECONDS = 10;
/** Seconds for a kubeconfig's credential program (`users[].user.exec`), which may ask a cloud. */
const CREDENTIALS_SECONDS = 60;

/** The API server could not be reached, so its answer is unknown. */
export class ClusterUnreachable extends Error {
	override name = "ClusterUnreachable";
	/** Whether nothing answered at all. Only such a cluster may count as gone. */
	readonly silent: boolean;

	constructor(message: string, { silent = true }: { silent?: boolean } = {}) {
		super(message);
		this.silent = silent;
	}
}

/** The error codes of Node.js and the kernel if a host does not answer. */
const SILENCE = ["ETIMEDOUT", "EHOSTUNREACH", "EHOSTDOWN"];

/**
 * The configuration with which clients of @kubernetes/client-node call a cluster's API. Every request ends within about 10 s,
 * and throws ClusterUnreachable if it does not get a whole answer. A credential program has another 60 s before that.
 *
 * @param kubeconfig a kubeconfig's text or file.
 * @param context a context of it. Default: its current one.
 * @throws Error if the kubeconfig cannot be read, or does not have the context.
 */
export function clusterConnection(kubeconfig: SecretText, context?: string): Configuration {
	const config = new KubeConfig();
	try {
		if (typeof kubeconfig === "string") config.loadFromString(kubeconfig);
		else config.loadFromFile(atHome(kubeconfig.file));
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		const which = typeof kubeconfig === "string" ? "the kubeconfig" : `the kubeconfig ${kubeconfig.file}`;
		// The parser's message quotes the kubeconfig, which is secret, so it is left out.
		throw new Error(`${which} cannot be read${code === undefined ? "" : ` (${code})`}`);
	}
	if (context !== undefined) config.setCurrentContext(context);
	const server = config.getCurrentCluster()?.server;
	if (server === undefined) {
		throw new Error(
			`the kubeconfig does not have a cluster for its context ${JSON.stringify(config.getCurrentContext())}`,
		);
	}
	return createConfiguration({
		baseServer: new ServerConfiguration(server, {}),
		authMethods: { default: withinTime(config) },
		httpApi: bounded(server),
	});
}

/** The library's usual transport, with a time limit for each request. */
function bounded(server: string) {
	const { httpApi } = createConfiguration();
	return wrapHttpLibrary({
		async send(request) {
			const limit = AbortSignal.timeout(CALL_SECONDS * 1000);
			request.setSignal(limit);
			let answered = false;
			const reached = async <T>(step: Promise<T>): Promise<T> =>
				step.catch((error: Error & { code?: string }) => {
					const late = `${answered ? "its answer did not end" : "it did not answer"} within ${CALL_SECONDS} s`;
					const reason = limit.aborted ? late : printableReason(error.message);
					const silent = !answered && (limit.aborted || SILENCE.includes(error.code ?? ""));
					throw new ClusterUnreachable(`the API server ${server} cannot be reached: ${reason}`, { silent });
				});
			const response = await reached(httpApi.send(request).toPromise());
			answered = true;
			// The status may arrive without the body ever following.
			const { body } = response;
			response.body = { text: () => reached(body.text()), binary: () => reached(body.binary()) };
			return response;
		},
	});
}

/** The kubeconfig's way to authenticate, with a time limit, after which its credential program is ended. */
function withinTime(config: KubeConfig): SecurityAuthentication {
	const endPrograms = programsOf(config);
	return {
		getName: () => config.getName(),
		async applySecurityAuthentication(context) {
			const limit = AbortSignal.timeout(CREDENTIALS_SECONDS * 1000);
			const { exec } = config.getCurrentUser() ?? {};
			const late = new Promise<never>((_, reject) => {
				const program = printable(exec?.command ?? "the kubeconfig's user");
				const why = `${program}, which the kubeconfig names, did not give credentials within ${CREDENTIALS_SECONDS} s`;
				limit.addEventListener("abort", () => {
					endPrograms();
					reject(new ClusterUnreachable(why, { silent: false }));
				});
			});
			await Promise.race([config.applySecurityAuthentication(context), late]);
		},
	};
}

/** The private part of @kubernetes/client-node 1.4 that starts a kubeconfig's programs. The library never ends them. */
interface Starter {
	execFn?: (command: string, args: readonly string[] | undefined, options: SpawnOptions) => ChildProcess;
}

/** The credential programs that run now. They are ended with this process. */
const programs = new Set<ChildProcess>();
process.once("exit", () => end(programs));

/** Makes the library start a kubeconfig's programs so that they can be ended. @returns ends them and their child processes. */
function programsOf(config: KubeConfig): () => void {
	const own = new Set<ChildProcess>();
	const { authenticators } = config as unknown as { readonly authenticators: readonly Starter[] };
	for (const starter of authenticators.filter(({ execFn }) => execFn !== undefined)) {
		starter.execFn = (command, args, options) => {
			// It gets a process group of its own, because it may be a script that waits for another program.
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
			// The process has already ended.
		}
	}
}
