import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { must } from "../../tests/fixtures/arbitraries.ts";
import { exampleCertificates } from "../../tests/fixtures/etcd.ts";
import { drivers } from "../drivers/registry.ts";
import * as settings from "./parse.ts";
import { stackFileSchema } from "./schema.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM3QhyXEK6CJPsQXWBsp5XRCxrARdtMnqGnWlOgk001D";

const certificates = exampleCertificates();
const schema = stackFileSchema(drivers);
const parseSettings = (raw: Readonly<Record<string, unknown>>) => settings.parseSettings(raw, schema);
const gateway = { name: "gw-1", address: "10.200.0.20", hostKey: HOST_KEY };
const server = { name: "ps-1", address: "10.200.0.31", hostKey: HOST_KEY };
const least = {
	cluster: { kubeconfigFile: "~/.kube/config" },
	ssh: { privateKeyFile: "~/.ssh/id_ed25519" },
	gateways: [gateway],
	servers: [server],
};

function problems(raw: Record<string, unknown>): readonly string[] {
	const parsed = parseSettings(raw);
	return parsed.ok ? [] : parsed.problems;
}

describe("defaults", () => {
	test("the smallest valid stack file", () => {
		expect(must(parseSettings(least))).toMatchInlineSnapshot(`
			{
			  "cluster": {
			    "kubeconfig": {
			      "file": "~/.kube/config",
			    },
			  },
			  "dns": {
			    "reverseZones": true,
			    "searchDomains": [],
			  },
			  "gateways": [
			    {
			      "drainTimeout": 120,
			      "driver": "existing",
			      "kubernetes": {
			        "repository": "https://pkgs.k8s.io/core:/stable:/v{minor}/deb/",
			        "repositoryKey": "https://pkgs.k8s.io/core:/stable:/v{minor}/deb/Release.key",
			        "source": "packages",
			      },
			      "labels": {
			        "pod-gateway": "true",
			      },
			      "machine": {
			        "address": {
			          "bits": "0ac80014",
			          "family": 4,
			          "text": "10.200.0.20",
			        },
			        "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM3QhyXEK6CJPsQXWBsp5XRCxrARdtMnqGnWlOgk001D",
			      },
			      "masquerade": false,
			      "name": "gw-1",
			      "nodeName": "gw-1",
			      "ssh": {
			        "auth": {
			          "privateKey": {
			            "file": "~/.ssh/id_ed25519",
			          },
			        },
			        "bastion": undefined,
			        "connectTimeout": 15,
			        "port": 22,
			        "user": "root",
			      },
			      "taint": {
			        "effect": "NoSchedule",
			        "key": "pod-gateway",
			        "value": "true",
			      },
			      "takeOver": false,
			    },
			  ],
			  "kept": [
			    {
			      "address": {
			        "bits": "0ac80014",
			        "family": 4,
			        "text": "10.200.0.20",
			      },
			      "setting": "pod-gateway:gateways[0].address",
			    },
			    {
			      "address": {
			        "bits": "0ac8001f",
			        "family": 4,
			        "text": "10.200.0.31",
			      },
			      "setting": "pod-gateway:servers[0].address",
			    },
			  ],
			  "routes": {
			    "convergeTimeout": 60,
			    "maxShrink": 0.3,
			    "mode": "blocks",
			    "source": "live",
			  },
			  "servers": [
			    {
			      "address": {
			        "bits": "0ac8001f",
			        "family": 4,
			        "text": "10.200.0.31",
			      },
			      "dns": {
			        "method": "auto",
			      },
			      "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM3QhyXEK6CJPsQXWBsp5XRCxrARdtMnqGnWlOgk001D",
			      "name": "ps-1",
			      "ssh": {
			        "auth": {
			          "privateKey": {
			            "file": "~/.ssh/id_ed25519",
			          },
			        },
			        "bastion": undefined,
			        "connectTimeout": 15,
			        "port": 22,
			        "user": "root",
			      },
			      "verify": {
			        "mode": "strict",
			      },
			    },
			  ],
			  "ssh": {
			    "privateKeyFile": "~/.ssh/id_ed25519",
			  },
			  "verify": {
			    "names": [],
			    "outside": [],
			    "pods": [],
			    "rollbackAfter": 90,
			  },
			}
		`);
	});

	test("a machine's own settings override those for all", () => {
		const bastion = { address: "jump.example.org", hostKey: `${HOST_KEY} comment`, privateKey: "of the bastion" };
		const settings = must(
			parseSettings({
				...least,
				ssh: { agent: true, user: "admin", port: 2222, connectTimeout: 5, bastion },
				gateways: [{ ...gateway, nodeName: "ku13-gw", ssh: { privateKey: "of the gateway", user: "root" } }],
				dns: { method: "dnsmasq" },
				verify: { mode: "warn" },
				servers: [
					server,
					{ ...server, name: "ps-2", address: "FD00::32", dns: { method: "none" }, verify: { mode: "off" } },
				],
			}),
		);
		expect(settings.gateways[0]?.nodeName).toBe("ku13-gw");
		expect(settings.gateways[0]?.ssh).toMatchObject({
			user: "root",
			port: 2222,
			auth: { privateKey: { contents: "of the gateway" } },
		});
		expect(settings.servers[0]?.ssh).toEqual({
			user: "admin",
			port: 2222,
			connectTimeout: 5,
			auth: {},
			bastion: {
				address: "jump.example.org",
				port: 22,
				user: "root",
				hostKey: HOST_KEY,
				auth: { privateKey: { contents: "of the bastion" } },
			},
		});
		expect(settings.servers.map(({ dns, verify }) => [dns.method, verify.mode])).toEqual([
			["dnsmasq", "warn"],
			["none", "off"],
		]);
		expect(settings.servers[1]?.address.text).toBe("fd00::32");
	});

	test("a bastion without a key of its own gets the connection's", () => {
		const bastion = { address: "10.200.0.1", hostKey: HOST_KEY };
		const [one] = must(parseSettings({ ...least, ssh: { ...least.ssh, bastion } })).servers;
		expect(one?.ssh.bastion?.auth).toEqual({ privateKey: { file: "~/.ssh/id_ed25519" } });
	});

	test("settings that override the cluster's own facts", () => {
		const cluster = {
			...least.cluster,
			podRanges: ["192.244.0.0/16"],
			dnsAddresses: ["192.96.0.10"],
			apiServer: "https://10.200.0.10:6443/",
		};
		expect(must(parseSettings({ ...least, cluster })).cluster).toMatchObject({
			podRanges: [{ text: "192.244.0.0/16" }],
			dnsAddresses: [{ text: "192.96.0.10" }],
			apiServer: "https://10.200.0.10:6443",
		});
	});

	test("Calico's etcd, each part in a file or in the settings", () => {
		const read = (calicoEtcd: object) => must(parseSettings({ ...least, cluster: { ...least.cluster, calicoEtcd } }));
		const endpoints = ["https://10.200.0.10:2379", "https://[fd00::10]:2379"];
		expect(read({ endpoints, caFile: "~/ca.crt" }).cluster.calicoEtcd).toEqual({ endpoints, ca: { file: "~/ca.crt" } });
		const { ca, client } = certificates;
		expect(read({ endpoints, ca: ca.cert, certFile: "~/client.crt", key: client.key }).cluster.calicoEtcd).toEqual({
			endpoints,
			ca: { contents: ca.cert },
			client: { cert: { file: "~/client.crt" }, key: { contents: client.key } },
		});
	});
});

const vm = {
	name: "gw-1",
	driver: "libvirt",
	address: "10.200.0.20",
	libvirt: {
		hypervisor: { address: "10.200.0.5", hostKey: HOST_KEY },
		image: { source: "/srv/images/debian.qcow2", sha256: "ab".repeat(32) },
		bridge: "br0",
		network: { prefixLength: 24, router: "10.200.0.1" },
	},
};

test("a gateway's driver reads its own keys", () => {
	const [read] = must(parseSettings({ ...least, gateways: [vm] })).gateways;
	expect(read).toMatchObject({ name: "gw-1", driver: "libvirt", nodeName: "gw-1", kubernetes: { source: "packages" } });
	expect(read?.machine).toMatchObject({
		address: { text: "10.200.0.20" },
		libvirt: { cpus: 2, memory: 2048, disk: 20, emulation: false, network: { prefixLength: 24, nameservers: [] } },
	});
	expect(read?.machine).not.toHaveProperty("name");
});

test.each(["root", "svc-net$", "jane.doe@example.org", "CORP\\jane", "7jane", "jane@corp"])("%j is a login", (user) => {
	expect(must(parseSettings({ ...least, ssh: { ...least.ssh, user } })).servers[0]?.ssh.user).toBe(user);
});

test.each(["", "-l root", "a b", "a;b", "$(id)", "a@", "\\a", "-oProxyCommand=x", "a\nb"])(
	"%j is not a login",
	(user) => {
		expect(problems({ ...least, ssh: { ...least.ssh, user } })).toEqual([
			"pod-gateway:ssh.user: is not a user name; example: root",
		]);
	},
);

describe("a problem names its setting and the next step", () => {
	const vmWith = (change: object) => ({ ...least, gateways: [{ ...vm, libvirt: { ...vm.libvirt, ...change } }] });
	const gatewayWith = (change: object) => ({ ...least, gateways: [{ ...gateway, ...change }] });
	const serverWith = (change: object) => ({
		...least,
		servers: [server, { ...server, name: "ps-2", address: "10.200.0.32", ...change }],
	});
	const clusterWith = (change: object) => ({ ...least, cluster: { ...least.cluster, ...change } });
	const etcd = {
		endpoints: ["https://10.200.0.10:2379"],
		caFile: "/ca.crt",
		certFile: "/client.crt",
		keyFile: "/client.key",
	};
	const etcdWith = (change: object) => clusterWith({ calicoEtcd: { ...etcd, ...change } });

	test.each<[string, Record<string, unknown>, string | RegExp]>([
		["an unknown key", { ...least, server: [] }, "pod-gateway:server: is not a known key; did you mean servers?"],
		[
			"an unknown key that does not resemble others",
			{ ...least, zzz: 1 },
			"pod-gateway:zzz: is not a known key; known here: cluster, ssh, gateways, routes, dns, verify, servers",
		],
		[
			"an unknown key far down",
			serverWith({ hostkey: "x" }),
			"pod-gateway:servers[1].hostkey: is not a known key; did you mean hostKey?",
		],
		[
			"an unknown key in a default",
			{ ...least, verify: { rollback: 5 } },
			"pod-gateway:verify.rollback: is not a known key; did you mean rollbackAfter?",
		],
		[
			"an unknown key in a bastion",
			{ ...least, ssh: { ...least.ssh, bastion: { address: "a", hostKey: HOST_KEY, users: "x" } } },
			"pod-gateway:ssh.bastion.users: is not a known key; did you mean user?",
		],
		["no servers", { ...least, servers: undefined }, "pod-gateway:servers: is required; set it"],
		["an empty list", { ...least, servers: [] }, "pod-gateway:servers: is empty; list at least one machine"],
		["text for a list", { ...least, gateways: "gw-1" }, "pod-gateway:gateways: is not a list"],
		["a number for text", serverWith({ name: 2 }), "pod-gateway:servers[1].name: is not text; put it in quotes"],
		[
			"text for a number",
			{ ...least, ssh: { ...least.ssh, port: "22" } },
			"pod-gateway:ssh.port: is not a port, 1 to 65535",
		],
		[
			"a port too high",
			{ ...least, ssh: { ...least.ssh, port: 65536 } },
			"pod-gateway:ssh.port: is not a port, 1 to 65535",
		],
		[
			"a share in per cent",
			{ ...least, routes: { maxShrink: 30 } },
			"pod-gateway:routes.maxShrink: is not a share from 0 to 1; example: 0.3",
		],
		[
			"a share in thousandths",
			{ ...least, routes: { maxShrink: 0.305 } },
			"pod-gateway:routes.maxShrink: has more than two decimals",
		],
		[
			"too short a rollbackAfter",
			{ ...least, verify: { rollbackAfter: 19 } },
			"pod-gateway:verify.rollbackAfter: is not a whole number of seconds from 20 to 120",
		],
		[
			"too long a rollbackAfter",
			{ ...least, verify: { rollbackAfter: 121 } },
			"pod-gateway:verify.rollbackAfter: is not a whole number of seconds from 20 to 120",
		],
		[
			"a method misspelt",
			{ ...least, dns: { method: "resolvd" } },
			"pod-gateway:dns.method: is not one of auto, resolved, networkmanager, dnsmasq, resolvconf, none; did you mean resolved?",
		],
		[
			"an unknown mode",
			{ ...least, routes: { mode: "ospf" } },
			"pod-gateway:routes.mode: is not one of blocks, pools; choose one",
		],
		[
			"no host key",
			serverWith({ hostKey: undefined }),
			/^pod-gateway:servers\[1\]\.hostKey: is required, .*ssh-keyscan -t ed25519 HOST/,
		],
		[
			"an RSA host key",
			serverWith({ hostKey: "ssh-rsa AAAA" }),
			/^pod-gateway:servers\[1\]\.hostKey: is of type ssh-rsa/,
		],
		[
			"a name that is not a label",
			serverWith({ name: "ps_2" }),
			'pod-gateway:servers[1].name: "ps_2" is not a name of at most 63 lower-case letters, digits and hyphens',
		],
		[
			"a name for an address",
			serverWith({ address: "ps-2.example.org" }),
			'pod-gateway:servers[1].address: "ps-2.example.org" is not an IPv4 or IPv6 address',
		],
		[
			"a loopback address",
			gatewayWith({ address: "127.0.0.1" }),
			"pod-gateway:gateways[0].address: 127.0.0.1 is a loopback address; write the one at which other machines reach it",
		],
		[
			"an IPv4 address6",
			gatewayWith({ address6: "10.0.0.1" }),
			'pod-gateway:gateways[0].address6: "10.0.0.1" is an IPv4 address; set address to it',
		],
		[
			"a link-local address6",
			gatewayWith({ address6: "fe80::1" }),
			"pod-gateway:gateways[0].address6: fe80::1 is a link-local address; write the one at which other machines reach it",
		],
		[
			"host bits",
			clusterWith({ podRanges: ["192.244.0.1/16"] }),
			'pod-gateway:cluster.podRanges[0]: "192.244.0.1/16" has host bits set; did you mean 192.244.0.0/16?',
		],
		["an empty override", clusterWith({ podRanges: [] }), "pod-gateway:cluster.podRanges: is empty"],
		[
			"a default route for a range",
			clusterWith({ podRanges: ["0.0.0.0/0"] }),
			"pod-gateway:cluster.podRanges[0]: a default route is never pushed; write the cluster's own range",
		],
		[
			"overlapping ranges",
			clusterWith({ podRanges: ["172.16.0.0/12"], serviceRanges: ["172.20.0.0/16"] }),
			"pod-gateway:cluster.serviceRanges[0]: 172.20.0.0/16 overlaps 172.16.0.0/12 of pod-gateway:cluster.podRanges[0]; correct one of them",
		],
		[
			"an API server without https",
			clusterWith({ apiServer: "10.200.0.10:6443" }),
			'pod-gateway:cluster.apiServer: "10.200.0.10:6443" is not https://HOST:PORT; example: https://10.200.0.10:6443',
		],
		[
			"an etcd without TLS",
			etcdWith({ endpoints: ["https://10.200.0.10:2379", "http://10.200.0.11:2379"] }),
			'pod-gateway:cluster.calicoEtcd.endpoints[1]: "http://10.200.0.11:2379" is not https://HOST:PORT; example: https://10.200.0.10:2379',
		],
		[
			"an etcd without endpoints",
			etcdWith({ endpoints: [] }),
			"pod-gateway:cluster.calicoEtcd.endpoints: is empty; list at least one server",
		],
		[
			"an etcd without a CA",
			etcdWith({ caFile: undefined }),
			"pod-gateway:cluster.calicoEtcd: the CA of its servers' certificates is missing; set caFile or ca",
		],
		[
			"two CAs of an etcd",
			etcdWith({ ca: certificates.ca.cert }),
			"pod-gateway:cluster.calicoEtcd: caFile and ca are set; keep one of them",
		],
		[
			"a client's certificate without its key",
			etcdWith({ keyFile: undefined }),
			"pod-gateway:cluster.calicoEtcd: the client's certificate needs its key; set keyFile or key, too",
		],
		[
			"a client's key without its certificate",
			etcdWith({ certFile: undefined }),
			"pod-gateway:cluster.calicoEtcd: the client's key needs its certificate; set certFile or cert, too",
		],
		[
			"a path for a certificate",
			etcdWith({ caFile: undefined, ca: "/etc/kubernetes/pki/etcd/ca.crt" }),
			"pod-gateway:cluster.calicoEtcd.ca: is not a certificate in PEM form (-----BEGIN CERTIFICATE-----…)",
		],
		[
			"a certificate for a key, which is not repeated",
			etcdWith({ keyFile: undefined, key: certificates.client.cert }),
			"pod-gateway:cluster.calicoEtcd.key: is not a private key in PEM form (-----BEGIN PRIVATE KEY-----…)",
		],
		[
			"Calico's own name for a setting",
			etcdWith({ etcdCACertFile: "/ca.crt" }),
			"pod-gateway:cluster.calicoEtcd.etcdCACertFile: is not a known key; known here: endpoints, caFile, ca, certFile, cert, keyFile, key",
		],
		[
			"an unknown driver",
			gatewayWith({ driver: "libvrit" }),
			"pod-gateway:gateways[0].driver: is not one of existing, libvirt; did you mean libvirt?",
		],
		[
			"another driver's key",
			gatewayWith({ libvirt: vm.libvirt }),
			"pod-gateway:gateways[0].libvirt: is a key of driver libvirt; set driver: libvirt, or leave the key out",
		],
		[
			"an unknown key of a driver",
			vmWith({ memmory: 4096 }),
			"pod-gateway:gateways[0].libvirt.memmory: is not a known key; did you mean memory?",
		],
		[
			"a checksum cut short",
			vmWith({ image: { source: "/a", sha256: "ab" } }),
			"pod-gateway:gateways[0].libvirt.image.sha256: is not a SHA-256 checksum of 64 hex digits; get it with sha256sum",
		],
		[
			"a relative path of an image",
			vmWith({ image: { ...vm.libvirt.image, source: "debian.qcow2" } }),
			"pod-gateway:gateways[0].libvirt.image.source: is neither an absolute path nor a URL",
		],
		[
			"a spare address that a server has",
			{ ...least, gateways: [{ ...vm, spareAddress: server.address }] },
			"pod-gateway:servers[0].address: the address 10.200.0.31 is already that of pod-gateway:gateways[0].spareAddress; each machine needs its own",
		],
		[
			"a second gateway, which nothing would remove from the routes if it failed",
			{ ...least, gateways: [gateway, { ...gateway, name: "gw-2", address: "10.200.0.21" }] },
			/^pod-gateway:gateways: lists 2 machines, but failover is not supported yet: .*; list one$/,
		],
		[
			"a version that YAML reads as a number",
			gatewayWith({ kubernetes: { version: 1.3 } }),
			'pod-gateway:gateways[0].kubernetes.version: is not a minor version in quotes; example: "1.34"',
		],
		[
			"a repository without a scheme",
			gatewayWith({ kubernetes: { repository: "packages.example.org" } }),
			"pod-gateway:gateways[0].kubernetes.repository: is not the URL of an apt repository; example: https://packages.example.org/kubernetes/v{minor}/deb/",
		],
		[
			"a broken taint",
			gatewayWith({ taint: "gateway" }),
			/^pod-gateway:gateways\[0\]\.taint: "gateway" is not key=value:Effect/,
		],
		[
			"a label that a kubelet may not set",
			gatewayWith({ labels: { "node-role.kubernetes.io/gateway": "" } }),
			'pod-gateway:gateways[0].labels: "node-role.kubernetes.io/gateway" is a label that a kubelet may not set; use a key of your own',
		],
		["a broken label", gatewayWith({ labels: { "a b": "c" } }), /"a b=c" is not a label/],
		[
			"a repeated name",
			serverWith({ name: "gw-1" }),
			"pod-gateway:servers[1].name: the name gw-1 is already that of pod-gateway:gateways[0].name; each machine needs its own",
		],
		[
			"a repeated address",
			serverWith({ address: "10.200.0.31" }),
			"pod-gateway:servers[1].address: the address 10.200.0.31 is already that of pod-gateway:servers[0].address; each machine needs its own",
		],
		[
			"a repeated address in another spelling",
			{ ...gatewayWith({ address6: "fd00::1" }), servers: [{ ...server, address6: "FD00:0::1" }] },
			"pod-gateway:servers[0].address6: the address fd00::1 is already that of pod-gateway:gateways[0].address6; each machine needs its own",
		],
		[
			"a server in the pod range",
			clusterWith({ podRanges: ["10.200.0.24/29"] }),
			"pod-gateway:servers[0].address: 10.200.0.31 lies in 10.200.0.24/29 of pod-gateway:cluster.podRanges[0]; routes to that range would cut the machine off, so correct one of them",
		],
		[
			"a bastion in the Service range",
			{
				...clusterWith({ serviceRanges: ["10.96.0.0/12"] }),
				ssh: { ...least.ssh, bastion: { address: "10.100.0.4", hostKey: HOST_KEY } },
			},
			"pod-gateway:ssh.bastion.address: 10.100.0.4 lies in 10.96.0.0/12 of pod-gateway:cluster.serviceRanges[0]; routes to that range would cut the machine off, so correct one of them",
		],
		[
			"an API server in the Service range",
			clusterWith({ serviceRanges: ["fd00:96::/112"], apiServer: "https://[fd00:96::1]:6443" }),
			"pod-gateway:cluster.apiServer: fd00:96::1 lies in fd00:96::/112 of pod-gateway:cluster.serviceRanges[0]; routes to that range would cut the machine off, so correct one of them",
		],
		[
			"no kubeconfig",
			{ ...least, cluster: {} },
			"pod-gateway:cluster: the kubeconfig is missing; set exactly one of kubeconfigFile and kubeconfig",
		],
		[
			"two kubeconfigs",
			clusterWith({ kubeconfig: "apiVersion: v1" }),
			"pod-gateway:cluster: kubeconfigFile and kubeconfig are both set; set exactly one of kubeconfigFile and kubeconfig",
		],
		[
			"two ways to authenticate",
			{ ...least, ssh: { agent: true, privateKey: "PRIVATE" } },
			"pod-gateway:ssh: privateKey and agent are set; keep exactly one way to authenticate",
		],
		[
			"two ways to authenticate at a bastion",
			{
				...least,
				ssh: { ...least.ssh, bastion: { address: "a", hostKey: HOST_KEY, agent: true, privateKeyFile: "x" } },
			},
			"pod-gateway:ssh.bastion: privateKeyFile and agent are set; keep exactly one way to authenticate",
		],
	])("%s", (_, raw, problem) => {
		const all = problems(raw);
		expect(all).toHaveLength(1);
		if (problem instanceof RegExp) expect(all[0]).toMatch(problem);
		else expect(all).toEqual([problem]);
	});

	test("a missing way to authenticate, once for each machine without one", () => {
		expect(problems({ ...least, ssh: { agent: false }, gateways: [{ ...gateway, ssh: { agent: true } }] })).toEqual([
			"pod-gateway:servers[0].ssh: the way to authenticate is missing; set privateKeyFile, privateKey or agent here or in pod-gateway:ssh",
		]);
	});
});

test("every problem is listed at once, also those between settings that have other problems", () => {
	const all = problems({
		clusters: {},
		cluster: { kubeconfigFile: "x", podRanges: ["10.200.0.0/24", "nonsense"] },
		ssh: { privateKey: "PRIVATE KEY", agent: true },
		gateways: [{ ...gateway, hostKey: undefined }, 7],
		servers: [{ ...server, name: "gw-1", adress: "x" }, { name: "ps-2" }],
	});
	expect(all.map((problem) => problem.split(": ")[0])).toEqual([
		"pod-gateway:cluster.podRanges[1]",
		"pod-gateway:gateways[0].hostKey",
		"pod-gateway:gateways[1]",
		"pod-gateway:servers[0].adress",
		"pod-gateway:servers[1].address",
		"pod-gateway:servers[1].hostKey",
		"pod-gateway:clusters",
		"pod-gateway:ssh",
		"pod-gateway:gateways",
		"pod-gateway:servers[0].name",
		"pod-gateway:gateways[0].address",
		"pod-gateway:servers[0].address",
	]);
	expect(all.join()).not.toContain("PRIVATE KEY");
});

test("the schema becomes a JSON Schema in which every key is described", () => {
	const json = z.toJSONSchema(schema, { io: "input" });
	const undescribed: string[] = [];
	const visit = (node: z.core.JSONSchema.BaseSchema, path: string) => {
		for (const [key, child] of Object.entries(node.properties ?? {})) {
			if (typeof child === "boolean") continue;
			if (!child.description && !path.includes("servers[]")) undescribed.push(`${path}.${key}`);
			visit(child, `${path}.${key}`);
			if (child.items && !Array.isArray(child.items) && typeof child.items === "object")
				visit(child.items, `${path}.${key}[]`);
		}
	};
	visit(json, "");
	expect(undescribed).toEqual([]);
});

test("the example in stacks/ only lacks the host keys, which nobody can know", () => {
	const example = readFileSync(join(import.meta.dirname, "../..", "stacks", "Pulumi.example.yaml"), "utf8");
	const { config } = parseYaml(example) as { config: Record<string, unknown> };
	const raw = Object.fromEntries(
		Object.entries(config).map(([key, value]) => [key.replace("pod-gateway:", ""), value]),
	);
	const parsed = parseSettings(raw);
	const settings = parsed.ok ? [] : parsed.problems.map((problem) => problem.split(": ")[0]);
	expect(settings).toEqual([
		"pod-gateway:gateways[0].libvirt.hypervisor.hostKey",
		"pod-gateway:servers[0].hostKey",
		"pod-gateway:servers[1].hostKey",
	]);
});
