import pc from "picocolors";

/** How long a finished step took, in seconds. */
export interface Timing {
	readonly title: string;
	readonly seconds: number;
}

/** Shows a person what happens, and remembers how long each step took. */
export interface Report {
	/** Runs `work` under `title`; the time it took is printed and recorded when it succeeds. */
	step<T>(title: string, work: () => Promise<T>): Promise<T>;
	/** The same for work that shows its own progress on the terminal: prints only its title, and records its time. */
	shown<T>(title: string, work: () => Promise<T>): Promise<T>;
	/** One line of news between the steps. */
	note(text: string): void;
	/** The steps done so far, in the order in which they ended. */
	readonly timings: readonly Timing[];
}

/** Without a terminal, a running step prints its time each time so many milliseconds have passed. */
const PATIENCE_MILLISECONDS = 10_000;

/**
 * A report to a stream (default: stderr, so that stdout is free for results). On a terminal, the running steps share one line that
 * is rewritten; elsewhere every event is a plain line.
 */
export function progress(stream: NodeJS.WriteStream = process.stderr): Report {
	const terminal = stream.isTTY === true;
	const colours = pc.createColors(terminal && pc.isColorSupported);
	const running = new Map<string, number>();
	const timings: Timing[] = [];
	let ticker: NodeJS.Timeout | undefined;

	const secondsSince = (start: number) => (performance.now() - start) / 1000;
	const wipe = () => terminal && stream.write("\r\u001b[K");
	const line = (text: string) => {
		wipe();
		stream.write(`${text}\n`);
		draw();
	};
	const draw = () => {
		if (!terminal || running.size === 0) return;
		const parts = [...running].map(([title, start]) => `${title} … ${secondsSince(start).toFixed(0)} s`);
		const text = parts.join("   ");
		wipe();
		stream.write(colours.dim(text.slice(0, (stream.columns || 80) - 1)));
	};
	const tick = () => {
		if (terminal) return draw();
		for (const [title, start] of running) {
			if (secondsSince(start) * 1000 >= PATIENCE_MILLISECONDS) line(`${title} … ${secondsSince(start).toFixed(0)} s`);
		}
	};

	return {
		timings,
		note: line,
		async shown(title, work) {
			const start = performance.now();
			line(`\n${colours.bold(title)}`);
			const result = await work();
			timings.push({ title, seconds: secondsSince(start) });
			return result;
		},
		async step(title, work) {
			const start = performance.now();
			running.set(title, start);
			if (terminal) draw();
			else line(`${title} …`);
			ticker ??= setInterval(tick, terminal ? 500 : PATIENCE_MILLISECONDS).unref();
			let mark = colours.red("failed");
			try {
				const result = await work();
				mark = "";
				timings.push({ title, seconds: secondsSince(start) });
				return result;
			} finally {
				running.delete(title);
				line(`${title}  ${mark}${mark && " after "}${colours.dim(`${secondsSince(start).toFixed(1)} s`)}`);
				if (running.size === 0) {
					clearInterval(ticker);
					ticker = undefined;
				}
			}
		},
	};
}
