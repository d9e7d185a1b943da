/**
 * `npm run bench:host [-- ROUNDS]`: how long the script for servers takes with 10, 1,000 and 10,000 routes, as medians of ROUNDS
 * rounds (default: 3). Needs root, and Linux with unshare(1). Runs in namespaces of its own and changes nothing on this machine.
 */
import { loadavg } from "node:os";
import { time } from "./harness.ts";

const rounds = Number(process.argv[2] ?? 3);
if (!Number.isInteger(rounds) || rounds < 1) {
	console.error(`the number of rounds is ${process.argv[2]}; it must be 1 or more`);
	process.exit(2);
}
if (process.getuid?.() !== 0) {
	console.error("this needs root, for namespaces and a file system of its own");
	process.exit(2);
}

console.log(`load of this machine: ${loadavg()[0]?.toFixed(1)}; seconds, wall and CPU, medians of ${rounds} rounds\n`);
console.log("| routes | what | wall | CPU |\n| -----: | ---- | ---: | --: |");
for (const routes of [10, 1000, 10_000]) {
	const timings = await time(routes, rounds);
	for (const what of new Set(timings.map((timing) => timing.what))) {
		const of = timings.filter((timing) => timing.what === what);
		const wall = median(of.map((timing) => timing.wall));
		const cpu = median(of.map((timing) => timing.cpu));
		console.log(`| ${routes} | ${what} | ${wall.toFixed(2)} | ${cpu.toFixed(2)} |`);
	}
}

function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
