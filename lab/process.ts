import { readdirSync, readFileSync } from "node:fs";

/** Tells a process from a later one with the same number: its pid and its start time. */
export interface ProcessIdentity {
	readonly pid: number;
	/** Clock ticks after the machine's boot (field 22 of /proc/PID/stat). */
	readonly startTime: string;
}

/** The identity of a process that runs now; undefined when there is none, or when it is a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
	const stat = read(`/proc/${pid}/stat`);
	// The second field is the command in parentheses, which may contain anything, even parentheses and spaces.
	const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	const startTime = fields[18];
	return startTime === undefined || state === "Z" ? undefined : { pid, startTime };
}

/** Whether exactly this process still runs. */
export function runs(process: ProcessIdentity): boolean {
	return identify(process.pid)?.startTime === process.startTime;
}

/** When the process started. */
export function startedAt({ startTime }: ProcessIdentity): Date {
	const boot = Number(/^btime (\d+)$/m.exec(read("/proc/stat"))?.[1]);
	return new Date((boot + Number(startTime) / TICKS_PER_SECOND) * 1000);
}

/** The kernel's clock ticks, as programs see them: 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The pids of a process's children, of all its threads. */
export function childrenOf(pid: number): number[] {
	return tasksOf(pid)
		.flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(" "))
		.filter(Boolean)
		.map(Number);
}

function tasksOf(pid: number): string[] {
	try {
		return readdirSync(`/proc/${pid}/task`);
	} catch {
		return []; // The process has ended.
	}
}

/** Whether the process is PID 1 of a PID namespace below ours. */
export function isInit(pid: number): boolean {
	const ids = /^NSpid:\t(.*)$/m.exec(read(`/proc/${pid}/status`))?.[1]?.split("\t") ?? [];
	return ids.length > 1 && ids.at(-1) === "1";
}

function read(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return ""; // The process has ended.
	}
}

/** Sends a signal. It is not an error if the process has ended meanwhile. */
export function kill(pid: number, signal: NodeJS.Signals): void {
	try {
		process.kill(pid, signal);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
	}
}
