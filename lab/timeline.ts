import pc from "picocolors";
import { z } from "zod";

/** The phases of an `up`, in their order; `leave` comes first or last. */
const names = ["provision", "boot", "prepare", "join", "drain", "converge", "push", "leave"] as const;

export type PhaseName = (typeof names)[number];

/** One phase of an `up`. */
export interface Phase {
	readonly name: PhaseName;
	/** The gateway of this phase; undefined for the phases of all gateways and servers. */
	readonly gateway?: string;
	/** Seconds from the first event of the log to its beginning. */
	readonly start: number;
	/** How long it took. A whole number if only the log says it, because its timestamps are whole seconds. */
	readonly seconds: number;
}

/** A change of colour, as the engine writes it: `<{%reset%}>`. */
const COLOUR = /<\{%.*?%\}>/g;

/** The words with which the tools report the end of a phase. */
const ended: Readonly<Record<string, PhaseName>> = {
	provisioned: "provision",
	booted: "boot",
	prepared: "prepare",
	joined: "join",
	drained: "drain",
};

// The parts of @pulumi/pulumi/automation/events.d.ts that are read here.
const step = z.object({ metadata: z.object({ op: z.string(), urn: z.string() }) });
const engineEvent = z.object({
	timestamp: z.number(),
	resourcePreEvent: step.optional(),
	resOutputsEvent: step.optional(),
	diagnosticEvent: z.object({ urn: z.string().default(""), message: z.string(), severity: z.string() }).optional(),
});
type EngineEvent = z.infer<typeof engineEvent>;

/** A step of one resource. */
interface Step {
	readonly at: number;
	/** The resource's name. */
	readonly resource: string;
	readonly op: string;
	readonly begins: boolean;
}

/**
 * Reads the phases of an `up` from Pulumi's event log: `pulumi up --event-log FILE`, an option that needs
 * `PULUMI_DEBUG_COMMANDS=true`. Each line is an engine event in JSON. Leaves out phases that did not happen, and ignores lines that
 * are not an event, such as a last line that was cut.
 *
 * The log has the SDK's debug messages, and with them every secret of the stack in plain text: let only its owner read it, and
 * remove it.
 */
export function phasesOf(log: string): readonly Phase[] {
	const events = log.split("\n").flatMap(readEvent);
	const origin = events[0]?.timestamp ?? 0;
	const steps = events.flatMap(stepOf).map((one) => ({ ...one, at: one.at - origin }));
	const others = [...toldPhases(events, origin), ...pushPhases(steps)];
	// With one address, the old gateway leaves first; with two, last.
	const first = steps.find((one) => isLeaving(one) || isPush(one));
	return first && isLeaving(first) ? [...leaving(steps), ...others] : [...others, ...leaving(steps)];
}

/**
 * A bar chart for people: for each phase a line with its seconds and a bar at its place, and a last line with the whole time.
 *
 * @param options `colours`: coloured bars; default: plain text. `width`: of the longest bar, in characters; default: 40.
 */
export function timelineTable(
	phases: readonly Phase[],
	{ colours = false, width = 40 }: { readonly colours?: boolean; readonly width?: number } = {},
): string {
	const { cyan, bold } = pc.createColors(colours);
	const begin = Math.min(...phases.map(({ start }) => start));
	const total = Math.max(...phases.map(({ start, seconds }) => start + seconds)) - begin;
	if (phases.length === 0) return "";
	const several = new Set(phases.flatMap(({ gateway }) => gateway ?? [])).size > 1;
	const rows = phases.map(({ name, gateway, start, seconds }) => {
		const cell = (time: number) => Math.round(((time - begin) / (total || 1)) * width);
		const from = Math.min(cell(start), width - 1);
		const bar = "█".repeat(Math.max(1, cell(start + seconds) - from));
		const label = several && gateway !== undefined ? `${name} ${gateway}` : name;
		return { label, time: inSeconds(seconds), bar: `${" ".repeat(from)}${cyan(bar)}` };
	});
	const whole = { label: "in all", time: inSeconds(total), bar: "" };
	const labels = Math.max(...[...rows, whole].map(({ label }) => label.length));
	const times = Math.max(...[...rows, whole].map(({ time }) => time.length));
	const line = ({ label, time, bar }: typeof whole) =>
		`${label.padEnd(labels)}  ${time.padStart(times)}  ${bar}`.trimEnd();
	return [...rows.map(line), bold(line(whole))].join("\n");
}

/** The phases that the tools report. A step's lines may come in any order. Lines of a machine that is being removed do not count. */
function toldPhases(events: readonly EngineEvent[], origin: number): readonly Phase[] {
	const operations = new Map<string, string>();
	const phases: Phase[] = [];
	for (const event of events) {
		const begun = event.resourcePreEvent?.metadata;
		if (begun) operations.set(begun.urn, begun.op);
		const { urn = "", message = "", severity } = event.diagnosticEvent ?? {};
		// The SDK's debug messages quote what commands printed.
		if (severity !== "info" || isDeletion(operations.get(urn) ?? "")) continue;
		for (const line of message.replace(COLOUR, "").split("\n")) {
			const [, gateway = "", word = "", time = ""] = /^(\S+): (\w+) in (\d+(?:\.\d+)?) s$/.exec(line) ?? [];
			const name = ended[word];
			if (name === undefined) continue;
			const seconds = Number(time);
			phases.push({ name, gateway, start: Math.max(0, event.timestamp - origin - seconds), seconds });
		}
	}
	const rank = ({ name }: Phase) => names.indexOf(name);
	const gateways = [...new Set(phases.map(({ gateway }) => gateway))].sort();
	return gateways.flatMap((gateway) =>
		phases.filter((one) => one.gateway === gateway).sort((a, b) => rank(a) - rank(b)),
	);
}

/** `converge`: from the last node that joined to the first server. `push`: from there to the last server that was changed. */
function pushPhases(steps: readonly Step[]): readonly Phase[] {
	const network = steps.filter(isPush);
	const begin = network.find(({ begins }) => begins)?.at;
	if (begin === undefined) return [];
	const joined = steps.findLast(
		({ resource, op, begins, at }) => resource.endsWith("-node") && !begins && !isDeletion(op) && at <= begin,
	);
	const end = network.findLast(({ begins, op }) => !begins && op !== "same")?.at;
	return [...phase("converge", joined?.at, begin), ...phase("push", begin, end)];
}

/** `leave`: from the first step that removes an old node or its machine to the last. */
function leaving(steps: readonly Step[]): readonly Phase[] {
	const going = steps.filter(isLeaving);
	return phase("leave", going.find(({ begins }) => begins)?.at, going.findLast(({ begins }) => !begins)?.at);
}

function phase(name: PhaseName, start: number | undefined, end: number | undefined): readonly Phase[] {
	return start === undefined || end === undefined ? [] : [{ name, start, seconds: end - start }];
}

function isLeaving({ resource, op }: Step): boolean {
	return /-(node|vm)$/.test(resource) && isDeletion(op);
}

function isPush({ resource, op }: Step): boolean {
	return resource.endsWith("-network") && !isDeletion(op);
}

/** `delete`, `delete-replaced`: the step removes a resource. */
function isDeletion(op: string): boolean {
	return op.startsWith("delete");
}

function readEvent(line: string): readonly EngineEvent[] {
	try {
		const { success, data } = engineEvent.safeParse(JSON.parse(line));
		return success ? [data] : [];
	} catch {
		return [];
	}
}

function stepOf({ timestamp, resourcePreEvent, resOutputsEvent }: EngineEvent): readonly Step[] {
	const metadata = (resourcePreEvent ?? resOutputsEvent)?.metadata;
	if (!metadata) return [];
	const { op, urn } = metadata;
	return [{ at: timestamp, resource: urn.split("::").at(-1) ?? "", op, begins: resourcePreEvent !== undefined }];
}

function inSeconds(seconds: number): string {
	return `${Number.isInteger(seconds) ? seconds : seconds.toFixed(1)} s`;
}
