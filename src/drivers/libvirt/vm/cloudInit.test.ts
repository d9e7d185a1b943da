import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { emulatedVm, exampleAccess, exampleVm } from "../../../../tests/fixtures/vm.ts";
import { renderMetaData, renderNetworkConfig, renderUserData } from "./cloudInit.ts";

describe("user-data", () => {
	test("for root", () => {
		expect(renderUserData(exampleVm, exampleAccess)).toMatchInlineSnapshot(`
			"#cloud-config
			hostname: gw-1
			manage_etc_hosts: localhost
			ssh_deletekeys: true
			ssh_keys:
			  ed25519_private: |
			    -----BEGIN OPENSSH PRIVATE KEY-----
			    AAAAprivate
			    -----END OPENSSH PRIVATE KEY-----
			  ed25519_public: ssh-ed25519 AAAApublic
			ssh_pwauth: false
			disable_root: false
			users:
			  - name: root
			    ssh_authorized_keys:
			      - ssh-ed25519 AAAAoperator operator
			locale: "false"
			package_update: false
			package_upgrade: false
			"
		`);
	});

	test("for a user who becomes root with sudo", () => {
		expect(renderUserData(exampleVm, { ...exampleAccess, user: "admin" })).toMatchInlineSnapshot(`
			"#cloud-config
			hostname: gw-1
			manage_etc_hosts: localhost
			ssh_deletekeys: true
			ssh_keys:
			  ed25519_private: |
			    -----BEGIN OPENSSH PRIVATE KEY-----
			    AAAAprivate
			    -----END OPENSSH PRIVATE KEY-----
			  ed25519_public: ssh-ed25519 AAAApublic
			ssh_pwauth: false
			disable_root: true
			users:
			  - name: admin
			    shell: /bin/bash
			    lock_passwd: true
			    sudo: ALL=(ALL) NOPASSWD:ALL
			    ssh_authorized_keys:
			      - ssh-ed25519 AAAAoperator operator
			locale: "false"
			package_update: false
			package_upgrade: false
			"
		`);
	});

	test("names that YAML 1.1 would read as another type stay texts", () => {
		const text = renderUserData({ ...exampleVm, name: "no" }, { ...exampleAccess, user: "on" });
		expect(parse(text, { version: "1.1" })).toMatchObject({ hostname: "no", users: [{ name: "on" }] });
	});
});

describe("network-config", () => {
	test("one address", () => {
		expect(renderNetworkConfig(exampleVm)).toMatchInlineSnapshot(`
			"version: 2
			ethernets:
			  gateway:
			    match:
			      macaddress: "52:54:00:10:20:30"
			    dhcp4: false
			    dhcp6: false
			    addresses:
			      - 10.200.0.20/24
			    routes:
			      - to: 0.0.0.0/0
			        via: 10.200.0.1
			    nameservers:
			      addresses:
			        - 10.200.0.1
			"
		`);
	});

	test("an address of each family", () => {
		expect(renderNetworkConfig(emulatedVm)).toMatchInlineSnapshot(`
			"version: 2
			ethernets:
			  gateway:
			    match:
			      macaddress: "52:54:00:10:20:30"
			    dhcp4: false
			    dhcp6: false
			    addresses:
			      - 10.200.0.20/24
			      - fd00:200::20/64
			    routes:
			      - to: 0.0.0.0/0
			        via: 10.200.0.1
			    gateway6: fd00:200::1
			    nameservers:
			      addresses:
			        - 10.200.0.1
			        - fd00:200::1
			"
		`);
	});

	test("DHCP", () => {
		expect(renderNetworkConfig({ ...exampleVm, network: { dhcp: true } })).toMatchInlineSnapshot(`
			"version: 2
			ethernets:
			  gateway:
			    match:
			      macaddress: "52:54:00:10:20:30"
			    dhcp4: true
			    dhcp6: false
			"
		`);
	});

	test("without router and nameserver, their keys are left out", () => {
		const [first] = exampleVm.network.dhcp ? [] : exampleVm.network.addresses;
		if (!first) throw new Error("the example has a static address");
		const addresses = [{ address: first.address, prefixLength: 24 }];
		const text = renderNetworkConfig({ ...exampleVm, network: { dhcp: false, addresses, nameservers: [] } });
		expect(Object.keys(parse(text).ethernets.gateway)).toEqual(["match", "dhcp4", "dhcp6", "addresses"]);
	});
});

test("meta-data", () => {
	expect(renderMetaData("gw-1-m8x2k1-3f9a", exampleVm)).toMatchInlineSnapshot(`
		"instance-id: gw-1-m8x2k1-3f9a
		local-hostname: gw-1
		"
	`);
});
