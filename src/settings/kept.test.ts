import { expect, test } from "vitest";
import { keptAddresses } from "./kept.ts";

test("every host address in the settings must stay reachable, wherever it is written", () => {
	const hostKey = "ssh-ed25519 AAAA";
	const settings = {
		cluster: {
			kubeconfig: "10.9.9.9",
			apiServer: "https://10.1.0.1:6443",
			calicoEtcd: { endpoints: ["https://[fd00::2]:2379", "https://etcd.example.org:2379"] },
			podRanges: ["10.244.0.0/16"],
			dnsAddresses: ["10.96.0.10"],
		},
		ssh: { user: "root", bastion: { address: "10.1.0.3", hostKey } },
		gateways: [
			{
				name: "gw-1",
				address: "10.1.0.4",
				address6: "FD00:0::4",
				spareAddress: "10.1.0.5",
				labels: { rack: "10.9.9.9" },
				libvirt: {
					hypervisor: { address: "10.1.0.6", ssh: { bastion: { address: "jump.example.org" } } },
					network: { prefixLength: 24, router: "10.1.0.7", nameservers: ["10.1.0.8", "10.1.0.9"] },
				},
			},
		],
		servers: [
			{ name: "db-1", address: "10.1.0.10", ssh: { bastion: { address: "fd00::b" } } },
			{ name: "db-2", address: "no address", address6: 7 },
			null,
		],
		verify: { outside: ["10.9.9.9"] },
	};
	expect(keptAddresses(settings).map(({ address, setting }) => `${setting} ${address.text}`)).toEqual([
		"pod-gateway:cluster.apiServer 10.1.0.1",
		"pod-gateway:cluster.calicoEtcd.endpoints[0] fd00::2",
		"pod-gateway:ssh.bastion.address 10.1.0.3",
		"pod-gateway:gateways[0].address 10.1.0.4",
		"pod-gateway:gateways[0].address6 fd00::4",
		"pod-gateway:gateways[0].spareAddress 10.1.0.5",
		"pod-gateway:gateways[0].libvirt.hypervisor.address 10.1.0.6",
		"pod-gateway:gateways[0].libvirt.network.router 10.1.0.7",
		"pod-gateway:gateways[0].libvirt.network.nameservers[0] 10.1.0.8",
		"pod-gateway:gateways[0].libvirt.network.nameservers[1] 10.1.0.9",
		"pod-gateway:servers[0].address 10.1.0.10",
		"pod-gateway:servers[0].ssh.bastion.address fd00::b",
	]);
});
