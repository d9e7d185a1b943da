import { expect, test } from "vitest";
import { machineNamed } from "./machines.ts";
import { fill, networkValues } from "./network.ts";

test("network templates are filled in completely", async () => {
	const values = networkValues(machineNamed("ps-resolved"));
	for (const template of [
		"eth0.network",
		"eth0.nmconnection",
		"interfaces",
		"local-dnsmasq.conf",
		"netplan.yaml",
		"resolv.conf",
	]) {
		expect(await fill(template, values)).not.toMatch(/[{}]/);
	}
	expect(await fill("interfaces", values)).toContain("address 10.200.0.31/24\n\tgateway 10.200.0.1");
});

test("a missing value is an error that names it", async () => {
	await expect(fill("resolv.conf", {})).rejects.toThrow("resolv.conf: there is no value for {resolver}");
});
