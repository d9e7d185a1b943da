import { describe, expect, test } from "vitest";
import { exampleRequest } from "../../tests/fixtures/nodeRequest.ts";
import { parseCgroupDriver, parseKubeletFiles } from "../kube/software.ts";
import { prepareInput } from "./prepare.ts";
import { nodeRequest } from "./request.ts";

const software = {
	apiServer: "v1.34.4",
	kubernetesVersion: "v1.34.4",
	imageRepository: "registry.k8s.io",
	cgroupDriver: "systemd",
} as const;

describe("the input of prepare-node.sh", () => {
	test("has texts as base64", () => {
		const input = prepareInput({ ...exampleRequest, masquerade: ["192.244.0.0/16"] }, { software, askKubelet: true });
		const lines = input.trimEnd().split("\n");
		const rules = lines.find((line) => line.startsWith("masquerade "))?.replace(/^\S+ /, "") ?? "";
		expect(Buffer.from(rules, "base64").toString()).toContain("192.244.0.0/16");
		expect(lines.filter((line) => !line.startsWith("masquerade "))).toEqual([
			"source packages",
			"version 1.34",
			"repository https://packages.example.org/v1.34/deb/",
			"repository-key aHR0cHM6Ly9wYWNrYWdlcy5leGFtcGxlLm9yZy92MS4zNC9kZWIvUmVsZWFzZS5rZXk=",
			"cgroup-driver systemd",
			"image-repository registry.k8s.io",
			"kubernetes-version v1.34.4",
			"print-kubelet yes",
		]);
	});

	test("has the resolv.conf that pods get", () => {
		const own = { ...software, resolvConf: "/run/systemd/resolve/resolv.conf" };
		const input = prepareInput(exampleRequest, { software: own, askKubelet: false });
		expect(input).toContain("\nresolv-conf /run/systemd/resolve/resolv.conf\n");
		expect(prepareInput(exampleRequest, { software, askKubelet: false })).not.toContain("resolv-conf");
	});

	test("does not have a line about masquerading if that is off", () => {
		expect(prepareInput(exampleRequest, { software, askKubelet: false })).not.toMatch(/^(masquerade|print)/m);
	});
});

describe("a request", () => {
	const withSoftware = (more: object) => ({ ...exampleRequest, software: { ...exampleRequest.software, ...more } });

	test("is read", () => {
		expect(nodeRequest.parse(exampleRequest)).toEqual(exampleRequest);
	});

	test.each([
		["a version with a patch level", withSoftware({ version: "1.34.4" })],
		["a repository of two lines", withSoftware({ repository: "https://example.org/\nsource preinstalled" })],
		["a broken key", withSoftware({ repositoryKey: "hello" })],
		["a broken range", { ...exampleRequest, masquerade: ["10.0.0.0"] }],
	])("with %s is refused", (_, request) => {
		expect(nodeRequest.safeParse(request).success).toBe(false);
	});
});

describe("parseCgroupDriver", () => {
	const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

	test.each([
		["systemd", `${head}cgroupDriver: systemd\n`],
		["cgroupfs", `${head}cgroupDriver: cgroupfs\n`],
		["systemd", head],
	])("%s", (driver, yaml) => {
		expect(parseCgroupDriver(yaml)).toEqual({ ok: true, value: driver });
	});

	test.each(["", "[", `${head}cgroupDriver: other\n`])("%j is an error", (yaml) => {
		expect(parseCgroupDriver(yaml).ok).toBe(false);
	});
});

describe("parseKubeletFiles", () => {
	const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

	test.each([
		["none", head, {}],
		["an empty resolvConf", `${head}resolvConf: ""\n`, {}],
		[
			"kubespray's",
			`${head}authentication: { x509: { clientCAFile: /etc/kubernetes/ssl/ca.crt } }\nresolvConf: /run/systemd/resolve/resolv.conf\n`,
			{ clientCaFile: "/etc/kubernetes/ssl/ca.crt", resolvConf: "/run/systemd/resolve/resolv.conf" },
		],
	])("%s", (_, yaml, value) => {
		expect(parseKubeletFiles(yaml)).toEqual({ ok: true, value });
	});

	test.each(["resolvConf: a b", 'resolvConf: "/a\\nsource x"', "resolvConf: 1"])(
		"%j is an error that names it",
		(line) => {
			const parsed = parseKubeletFiles(`${head}${line}\n`);
			expect(parsed.ok ? [] : parsed.problems).toEqual([expect.stringMatching(/^kubelet-config: resolvConf/)]);
		},
	);
});
