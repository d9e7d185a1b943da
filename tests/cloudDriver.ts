import * as command from "@pulumi/command";
import { z } from "zod";
import type { Driver } from "../src/drivers/driver.ts";

const settings = { instance: z.string().describe("File that says what the cloud has made.") };

/** A gateway whose address and host key are the outputs of another provider's resource: here of a command in place of a cloud. */
export const driver: Driver<typeof settings> = {
	settings,
	provision({ gateway, settings, parent }) {
		const instance = new command.local.Command(
			`${gateway.name}-instance`,
			{ create: 'cat "$INSTANCE"', environment: { INSTANCE: settings.instance } },
			{ parent },
		);
		const made = instance.stdout.apply((json): { address: string; hostKey: string } => JSON.parse(json));
		return { address: made.address, hostKey: made.hostKey, identity: instance.id };
	},
};
