import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Lock, parseLock } from "../core/plan/lock.ts";
import { refusal, valueOrRefusal } from "../messages/refusal.ts";

/** Where the routes of a stack are locked. */
export function lockPath(stack: string): string {
	return join(import.meta.dirname, "../..", "stacks", `${stack}.routes.json`);
}

/** How the file is made, and brought up to date. */
export function lockCommand(stack: string): string {
	return `npm run survey -- ${stack} --write`;
}

/** The locked routes of a stack. @throws pulumi.RunError when there are none, or they make no sense. */
export function readLock(stack: string): Lock {
	const path = lockPath(stack);
	if (!existsSync(path)) {
		throw refusal(
			`pod-gateway:routes.source is locked, but there is no ${path}; run pulumi up with source live once, then: ${lockCommand(stack)}`,
		);
	}
	return valueOrRefusal(parseLock(readFileSync(path, "utf8")), `${path} cannot be read; nothing was touched`);
}
