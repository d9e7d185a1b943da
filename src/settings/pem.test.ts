import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { exampleCertificates } from "../../tests/fixtures/etcd.ts";
import { parseCertificates, parsePrivateKey } from "./pem.ts";

const { ca, otherCa } = exampleCertificates();
const noCertificate = ["is not a certificate in PEM form (-----BEGIN CERTIFICATE-----…)"];
const noKey = ["is not a private key in PEM form (-----BEGIN PRIVATE KEY-----…)"];

test.each([
	["one", ca.cert],
	["several", `${ca.cert}${otherCa.cert}`],
	["one with text beside it", `Subject: CN=ca\n${ca.cert}${ca.key}`],
])("certificates: %s", (_, text) => {
	expect(parseCertificates(text)).toEqual({ ok: true, value: text });
});

test.each([
	["a path", "/etc/kubernetes/pki/etcd/ca.crt"],
	["a key", ca.key],
	["one cut short", ca.cert.slice(0, -40)],
	["one whole and one broken", `${ca.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`],
	["nothing", ""],
])("refused as certificates: %s", (_, text) => {
	expect(parseCertificates(text)).toEqual({ ok: false, problems: noCertificate });
});

test("a private key, of every type", () => {
	const { privateKey } = generateKeyPairSync("ed25519");
	for (const key of [ca.key, privateKey.export({ type: "pkcs8", format: "pem" }).toString()]) {
		expect(parsePrivateKey(key)).toEqual({ ok: true, value: key });
	}
});

test.each([
	["a certificate", ca.cert],
	["one cut short", ca.key.slice(0, -60)],
	["nothing", ""],
])("refused as a private key: %s", (_, text) => {
	expect(parsePrivateKey(text)).toEqual({ ok: false, problems: noKey });
});

test.each(["pkcs8", "sec1"] as const)("a private key with a passphrase: %s", (type) => {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const text = privateKey.export({ type, format: "pem", cipher: "aes-256-cbc", passphrase: "x" }).toString();
	expect(parsePrivateKey(text)).toEqual({
		ok: false,
		problems: ["has a passphrase; remove it: openssl pkey -in KEY -out PLAIN"],
	});
});
