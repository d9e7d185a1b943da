import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Lock, parseLock } from "../core/plan/lock.ts";
import { refusal, valueOrRefusal } from "../messages/refusal.ts";

/** The path of the file with a stack's locked routes. */
export function lockPath(stack: string): string {
	return join(import.meta.dirname, "../..", "stacks", `${stack}.routes.json`);
}

/** The command that writes the file, or writes it anew. */
export function lockCommand(stack: string): string {
	return `npm run survey -- ${stack} --write`;
}

/** The locked routes of a stack. @throws pulumi.RunError if the file is missing or cannot be read. */
export function readLock(stack: string): Lock {
	const path = lockPath(stack);
	if (!existsSync(path)) {
		throw refusal(
			`pod-gateway:routes.source is locked, but ${path} is missing; run pulumi up with source live once, then: ${lockCommand(stack)}`,
		);
	}
	return valueOrRefusal(parseLock(readFileSync(path, "utf8")), `${path} cannot be read; nothing was touched`);
}
