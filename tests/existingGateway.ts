import { resolveEngine } from "../lab/engine/engine.ts";
import { isUp, powerOff } from "../lab/host.ts";
import { bootGateway } from "../lab/lifecycle.ts";
import { progress } from "../lab/progress.ts";
import { type LabPulumi, labPulumi } from "../lab/pulumi.ts";
import { site } from "../lab/site.ts";
import { type LabSettings, labSettings, writeStack } from "../lab/stack.ts";

/** Gives the site an existing machine for its gateway, even if other tests had a VM at the same address. */
export async function useExistingGateway(): Promise<{ pulumi: LabPulumi; settings: LabSettings }> {
	if (isUp(site.hypervisor.name)) await powerOff(site.hypervisor.name);
	await bootGateway(progress(), "existing");
	const settings = await labSettings("existing");
	await writeStack(settings);
	return { pulumi: await labPulumi(await resolveEngine(() => {})), settings };
}
