import { Option } from "commander";
import { gatewayKinds } from "./lifecycle.ts";

/** `--gateway vm|existing`, for commands that bring the site up. */
export function gatewayOption(): Option {
	return new Option(
		"--gateway <kind>",
		"the kind of gateway: a VM made on the site's hypervisor, or an existing machine (quicker)",
	)
		.choices(gatewayKinds)
		.default("vm");
}
