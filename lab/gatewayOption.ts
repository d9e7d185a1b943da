import { Option } from "commander";
import { gatewayKinds } from "./lifecycle.ts";

/** `--gateway vm|existing`, for commands that bring the site up. */
export function gatewayOption(): Option {
	return new Option(
		"--gateway <kind>",
		"what the gateway is: a VM made on the site's hypervisor, or an existing machine (quicker)",
	)
		.choices(gatewayKinds)
		.default("vm");
}
