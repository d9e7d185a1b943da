import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkKubeadm, checkSkew, parseKubernetesVersion } from "./versionSkew.ts";

describe("parseKubernetesVersion", () => {
	test.each([
		["v1.34.4", 1, 34],
		["1.34", 1, 34],
		["1.34.4", 1, 34],
		["v1.35.0-rc.1", 1, 35],
		["v1.34.4+k3s1", 1, 34],
		["1.0", 1, 0],
	])("%s", (text, major, minor) => {
		expect(parseKubernetesVersion(text)).toEqual({ ok: true, value: { major, minor } });
	});

	test.each(["", "1", "v1", "1.034", "1.34.", "1.34.4;x", "1.34.x", "one.two", "1.34 ", "-1.34", "1.34-rc.1"])(
		"%j is refused",
		(text) =>
			expect(parseKubernetesVersion(text)).toEqual({
				ok: false,
				problems: [`${JSON.stringify(text)} is not a Kubernetes version such as v1.34.4 or 1.34`],
			}),
	);
});

describe("checkSkew", () => {
	test.each([
		["v1.34.9", "v1.34.4"],
		["1.31", "v1.34.4"],
		["v1.33.0", "1.34"],
	])("kubelet %s, API server %s", (kubelet, apiServer) => expect(checkSkew(kubelet, apiServer).ok).toBe(true));

	test.each([
		["1.35", "v1.34.4", "a kubelet must not be newer than its API server"],
		["v2.0.0", "v1.34.4", "a kubelet must not be newer than its API server"],
		["v1.30.14", "v1.34.4", "a kubelet must not be more than 3 minor versions older than its API server"],
	])("kubelet %s, API server %s is refused", (kubelet, apiServer, rule) => {
		expect(checkSkew(kubelet, apiServer)).toEqual({
			ok: false,
			problems: [
				`kubelet ${kubelet} does not fit the API server, which is ${apiServer}: ${rule}; set kubernetes.version to "1.34" or leave it out, and if kubelet is installed already, install that version`,
			],
		});
	});

	test("a broken version is reported for both", () => {
		expect(checkSkew("new", "old")).toEqual({
			ok: false,
			problems: [
				'the kubelet\'s version: "new" is not a Kubernetes version such as v1.34.4 or 1.34',
				'the API server\'s version: "old" is not a Kubernetes version such as v1.34.4 or 1.34',
			],
		});
	});

	test("zero to three minor versions behind, whatever they are", () => {
		const minor = fc.integer({ min: 0, max: 60 });
		fc.assert(
			fc.property(minor, minor, (kubelet, apiServer) => {
				const behind = apiServer - kubelet;
				expect(checkSkew(`1.${kubelet}`, `v1.${apiServer}.0`).ok).toBe(behind >= 0 && behind <= 3);
			}),
		);
	});
});

test.each(["1.31", "v1.31.0", "v1.34.4", "2.0"])("kubeadm %s joins", (version) => {
	expect(checkKubeadm(version).ok).toBe(true);
});

test.each(["1.30", "v1.30.14", "1.28"])("kubeadm %s is refused before anything is changed", (version) => {
	const checked = checkKubeadm(version);
	expect(checked.ok ? [] : checked.problems).toEqual([
		expect.stringMatching(new RegExp(`^kubeadm ${version} does not read .*v1beta4.*kubernetes\\.version`)),
	]);
});
