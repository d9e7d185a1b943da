import * as command from "@pulumi/command";
import { z } from "zod";
import type { Driver } from "../src/drivers/driver.ts";

const settings = { instance: z.string().describe("File with the machine that the cloud has made.") };

/** A gateway whose address and host key are outputs of another provider's resource. Here a command replaces the cloud. */
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
