import { existsSync, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { HostSandbox } from "../tests/fixtures/host.ts";

let machine: HostSandbox;

beforeEach(() => {
	machine = new HostSandbox();
});
afterEach(() => machine.remove());

describe("join-node.sh state", () => {
	const HASH = /^sha256:[0-9a-f]{64}$/;
	/** Certificates as PEM: of a CA, of the nodes gw-1 and ku13-1, and of a user. */
	const pem: Record<string, string> = {};
	let hash = "";

	beforeAll(async () => {
		const subjects = {
			ca: "/CN=kubernetes",
			gw: "/O=system:nodes/CN=system:node:gw-1",
			other: "/O=system:nodes/CN=system:node:ku13-1",
			user: "/CN=admin",
		};
		for (const [name, subject] of Object.entries(subjects)) {
			const args = [
				"req",
				"-x509",
				"-newkey",
				"ec",
				"-pkeyopt",
				"ec_paramgen_curve:prime256v1",
				"-nodes",
				"-keyout",
				"/dev/null",
				"-subj",
				subject,
			];
			pem[name] = (await execa("openssl", args)).stdout;
		}
		const key = await execa("openssl", ["x509", "-pubkey", "-noout"], { input: pem["ca"] ?? "" });
		const der = await execa("openssl", ["pkey", "-pubin", "-outform", "DER"], {
			input: key.stdout,
			encoding: "buffer",
		});
		hash = `sha256:${(await execa("sha256sum", { input: der.stdout })).stdout.slice(0, 64)}`;
		expect(hash).toMatch(HASH);
	});

	function kubeletConf(user: string) {
		const ca = Buffer.from(pem["ca"] ?? "").toString("base64");
		machine.write(
			"/etc/kubernetes/kubelet.conf",
			`clusters:\n- cluster:\n    certificate-authority-data: ${ca}\n    server: https://10.0.0.1:6443\nusers:\n- user:\n    ${user}\n`,
		);
	}
	const certificate = (name: string) =>
		machine.write("/var/lib/kubelet/pki/kubelet-client-current.pem", pem[name] ?? "");
	const state = async () => (await machine.run("join-node.sh", ["state", "gw-1", hash])).stdout;

	test("an empty machine is free, and its kubelet's version is printed", async () => {
		expect(await state()).toBe("state free");
		machine.command("kubelet", "echo Kubernetes v1.34.4");
		machine.write("/etc/machine-id", "0123\n");
		expect(await state()).toBe("machine-id 0123\nkubelet v1.34.4\nstate free");
		machine.write("/var/lib/pod-gateway/installing", "kubelet=1.35.*\n");
		expect(await state()).toBe("machine-id 0123\nstate free");
	});

	test("this node", async () => {
		kubeletConf("x: y");
		certificate("gw");
		expect(await state()).toBe("state joined");
	});

	test("a node of another name, wherever its certificate is", async () => {
		kubeletConf("x: y");
		certificate("other");
		expect(await state()).toBe("state other-node\ndetail ku13-1");
		machine.write("/etc/elsewhere.pem", pem["other"] ?? "");
		kubeletConf(`client-certificate: ${machine.root}/etc/elsewhere.pem`);
		certificate("gw");
		expect(await state()).toBe("state other-node\ndetail ku13-1");
		kubeletConf(`client-certificate-data: ${Buffer.from(pem["other"] ?? "").toString("base64")}`);
		expect(await state()).toBe("state other-node\ndetail ku13-1");
	});

	test("without a certificate, or with one that is not a node's, the join is partial", async () => {
		kubeletConf("x: y");
		expect(await state()).toMatch(/^state partial\ndetail .*no certificate in/);
		certificate("user");
		expect(await state()).toMatch(/^state partial\ndetail .*is not a node's: CN\s?=\s?admin$/);
	});

	test.each(["manifests/kube-apiserver.yaml", "pki/ca.key", "pki/etcd/ca.key"])(
		"a control plane, recognized by %s",
		async (file) => {
			machine.write(`/etc/kubernetes/${file}`, "");
			kubeletConf("x: y");
			certificate("gw");
			expect(await state()).toBe(`state control-plane\ndetail ${machine.root}/etc/kubernetes/${file}`);
		},
	);
});

test("a fake command takes the place of the machine's own, and never writes to it", () => {
	const real = "/usr/bin/wc";
	const before = readFileSync(real);
	machine.command("wc", "echo 3");
	expect(lstatSync(join(machine.root, "bin/wc")).isSymbolicLink()).toBe(false);
	expect(readFileSync(real).equals(before)).toBe(true);
});

describe("join-node.sh join", () => {
	beforeEach(() => {
		machine.command("kubelet", "exit 0");
		machine.command("kubeadm", 'echo "$*: $(cat)" >>$root/ran');
		machine.write("/run/lock/x", "");
	});
	const joined = () => machine.run("join-node.sh", ["join"], "a configuration");

	test("does not join if systemd cannot enable the kubelet, and shows systemd's words", async () => {
		machine.command("systemctl", 'echo "Failed to enable unit: Unit file kubelet.service is masked." >&2; exit 1');
		const { exitCode, stderr } = await joined();
		expect(stderr).toBe(
			"systemd does not enable kubelet.service: Failed to enable unit: Unit file kubelet.service is masked.",
		);
		expect(exitCode).toBe(1);
		expect(machine.read("/ran")).toBeUndefined();
	});

	test("joins if the kubelet is enabled, whatever else systemd says", async () => {
		machine.command("systemctl", "echo Created symlink. >&2");
		const { exitCode, stderr } = await joined();
		expect([exitCode, stderr]).toEqual([0, ""]);
		expect(machine.read("/ran")).toBe("join --config /dev/stdin: a configuration\n");
	});
});

describe("reset-node.sh", () => {
	test.each([
		["with kubeadm", true],
		["without kubeadm", false],
	])("never touches a control plane, %s", async (_, kubeadm) => {
		if (kubeadm) machine.command("kubeadm", "touch $root/ran");
		machine.write("/etc/kubernetes/pki/ca.key", "key");
		machine.write("/etc/kubernetes/kubelet.conf", "conf");
		machine.write("/etc/cni/net.d/10-calico.conflist", "{}");
		const { exitCode, stderr } = await machine.run("reset-node.sh");
		expect(exitCode).toBe(1);
		expect(stderr).toContain("/etc/kubernetes/pki/ca.key), which this script never resets; nothing was touched");
		for (const file of [
			"/etc/kubernetes/pki/ca.key",
			"/etc/kubernetes/kubelet.conf",
			"/etc/cni/net.d/10-calico.conflist",
		]) {
			expect(machine.read(file), file).toBeDefined();
		}
		expect(machine.read("/ran")).toBeUndefined();
	});

	test("shows the beginning and the end of what a failing kubeadm said", async () => {
		for (const tool of ["systemctl", "ip"]) machine.command(tool, "exit 0");
		machine.command(
			"kubeadm",
			"echo error: the reason; i=0; while [ $i -lt 98 ]; do echo noise; i=$((i + 1)); done; echo error: the other reason; exit 1",
		);
		machine.write("/etc/kubernetes/kubelet.conf", "conf");
		const { stderr } = await machine.run("reset-node.sh");
		expect(stderr).toMatch(
			/kubeadm reset failed \(exit code 1; .*; this script does its part: error: the reason\n(noise\n){9}\.\.\. 60 more lines \.\.\.\n(noise\n){29}error: the other reason(\n|$)/,
		);
	});

	test("ends containers for a minute at most, however many there are, and says that some may still run", async () => {
		for (const tool of ["systemctl", "ip"]) machine.command(tool, "exit 0");
		machine.command(
			"ctr",
			'case "$*" in *"containers list"*) seq() { for i in 1 2 3 4 5 6; do echo "c$i"; done; }; seq ;; *delete*) echo "$*" >>$root/ended ;; esac',
		);
		// By this clock each container takes 25 s.
		machine.write("/clock", "0");
		machine.command("date", "read -r now <$root/clock; echo $((now + 25)) >$root/clock; echo $now");
		machine.write("/etc/kubernetes/kubelet.conf", "conf");
		const { createServer } = await import("node:net");
		const folder = join(machine.root, "run/containerd");
		machine.write("/run/containerd/x", "");
		const socket = createServer().listen(join(folder, "containerd.sock"));
		const { exitCode, stderr } = await machine.run("reset-node.sh");
		socket.close();
		expect(stderr).toContain("containers may still run here: ctr did not end all of them within 60 s");
		expect(machine.read("/ended")?.match(/tasks delete/g)).toHaveLength(2);
		expect(exitCode).toBe(0);
	});

	test("removes the cluster's CA from the folder that the cluster keeps it in", async () => {
		machine.command("systemctl", "exit 0");
		machine.command("ip", "exit 0");
		const conf = (file: string) => `authentication:\n  x509:\n    clientCAFile: ${file}\n`;
		machine.write("/etc/kubernetes/ssl/ca.crt", "a CA");
		machine.write("/var/lib/kubelet/config.yaml", conf(join(machine.root, "etc/kubernetes/ssl/ca.crt")));
		expect((await machine.run("reset-node.sh")).exitCode).toBe(0);
		expect(machine.read("/etc/kubernetes/ssl/ca.crt")).toBeUndefined();
		machine.write("/etc/kubernetes/keep", "a file");
		machine.write("/var/lib/kubelet/config.yaml", conf(`${machine.root}/etc/kubernetes/ssl/../keep`));
		await machine.run("reset-node.sh");
		expect(machine.read("/etc/kubernetes/keep")).toBe("a file");
	});

	test("takes a worker apart, and leaves other programs' CNI configurations alone", async () => {
		const gone = [
			"10-calico.conflist",
			"calico-kubeconfig",
			"10-flannel.conflist",
			"05-cilium.conflist",
			"10-weave.conflist",
			"10-kuberouter.conflist",
			"10-canal.conflist",
		];
		const kept = ["87-podman-bridge.conflist", "10-containerd-net.conflist", "87-podman-bridge.conflist.cilium_bak"];
		for (const file of [...gone, ...kept]) machine.write(`/etc/cni/net.d/${file}`, "{}");
		machine.write(
			"/etc/cni/net.d/10-calico.conflist",
			'{\n  "name": "k8s-pod-network",\n  "plugins": [{ "name": "x" }]\n}\n',
		);
		machine.write("/var/lib/cni/networks/k8s-pod-network/10.1.1.1", "");
		machine.write("/var/lib/cni/networks/podman/10.88.0.1", "");
		machine.write("/var/lib/cni/results/k8s-pod-network-1-eth0", "");
		machine.write("/var/lib/cni/results/podman-1-eth0", "");
		machine.write("/etc/kubernetes/kubelet.conf", "conf");
		machine.write("/etc/kubernetes/pki/ca.crt", "ca");
		const { exitCode, stderr } = await machine.run("reset-node.sh");
		expect(exitCode, stderr).toBe(0);
		expect(gone.filter((file) => machine.read(`/etc/cni/net.d/${file}`) !== undefined)).toEqual([]);
		expect(kept.filter((file) => machine.read(`/etc/cni/net.d/${file}`) === undefined)).toEqual([]);
		expect(existsSync(join(machine.root, "var/lib/cni/networks/k8s-pod-network"))).toBe(false);
		expect(machine.read("/var/lib/cni/networks/podman/10.88.0.1")).toBe("");
		expect(machine.read("/var/lib/cni/results/k8s-pod-network-1-eth0")).toBeUndefined();
		expect(machine.read("/var/lib/cni/results/podman-1-eth0")).toBe("");
		expect(machine.read("/etc/kubernetes/kubelet.conf")).toBeUndefined();
	});
});

describe("prepare-node.sh and apt", () => {
	const KEY = "/etc/apt/keyrings/pod-gateway-kubernetes.asc";
	const SOURCE = "/etc/apt/sources.list.d/pod-gateway-kubernetes.sources";
	const REPOSITORY = "https://packages.example.org/v1.34/deb";
	const input = (repository = `${REPOSITORY}/`) =>
		[
			"source packages",
			"version 1.34",
			`repository ${repository}`,
			`repository-key ${Buffer.from("-----BEGIN PGP PUBLIC KEY BLOCK-----\nx").toString("base64")}`,
			"",
		].join("\n");

	beforeEach(() => {
		const { root } = machine;
		machine.write(
			"/apt.conf",
			`Dir "${root}";\nDir::State "${root}/var/lib/apt";\nDir::State::status "${root}/var/lib/dpkg/status";\n`,
		);
		for (const file of ["/var/lib/dpkg/status", "/var/lib/apt/lists/partial/x", "/etc/apt/apt.conf.d/x"])
			machine.write(file, "");
		// The real apt reads the sources. The installation only makes the commands.
		machine.command(
			"apt-get",
			`case "$*" in
*indextargets*) exec /usr/bin/apt-get "$@" ;;
*\\ update) if [ -e $root/broken ]; then echo "E: The repository '$(cat $root/broken)' is not signed."; exit 100; fi ;;
*\\ install\\ *)
	if [ -e $root/uninstallable ]; then echo "E: Version '1.34.*' for 'kubelet' was not found"; exit 100; fi
	if [ -e $root/unconfigurable ]; then
		echo "Setting up kubelet (1.34.4) ..."
		echo "useradd: cannot lock /etc/passwd; try again later."
		echo "dpkg: error processing package kubelet (--configure):"
		echo "E: Sub-process /usr/bin/dpkg returned an error code (1)"
		exit 100
	fi
	ls $root/etc/apt/sources.list.d >$root/sources
	for tool in kubeadm kubelet; do printf '#!/bin/sh\\n' >$root/bin/$tool; /bin/chmod 755 $root/bin/$tool; done ;;
esac`,
		);
		for (const tool of ["dpkg", "dpkg-query", "apt-mark", "modprobe", "sysctl"]) machine.command(tool, "exit 0");
		machine.write("/run/containerd/x", "");
		machine.command("containerd", "exit 1");
		machine.write("/etc/containerd/config.toml", "version = 2\n");
	});

	test("a repository is added", async () => {
		const { exitCode, stdout, stderr } = await machine.run("prepare-node.sh", [], input());
		expect(exitCode, stderr).toBe(0);
		expect(stdout).toBe("changed");
		expect(machine.read(SOURCE)).toContain(`URIs: ${REPOSITORY}/\n`);
		expect(machine.read(KEY)).toContain("PGP");
	});

	test.each([
		["cannot be used", "/broken", `apt cannot use the repository ${REPOSITORY}/`],
		["lacks the version", "/uninstallable", "was not found"],
	])("a repository that %s is taken back", async (_, why, said) => {
		machine.write(why, REPOSITORY);
		const { exitCode, stderr } = await machine.run("prepare-node.sh", [], input());
		expect(exitCode).toBe(1);
		expect(stderr).toContain(said);
		expect([machine.read(SOURCE), machine.read(KEY)]).toEqual([undefined, undefined]);
	});

	test("if a package cannot be set up, its own words are shown above apt's", async () => {
		machine.write("/unconfigurable", "");
		const { exitCode, stderr } = await machine.run("prepare-node.sh", [], input());
		expect(exitCode).toBe(1);
		expect(stderr).toContain("\nuseradd: cannot lock /etc/passwd; try again later.\n");
		expect(stderr).toContain("E: Sub-process /usr/bin/dpkg returned an error code (1)");
	});

	test("a failure brings back the files of an earlier run", async () => {
		machine.write("/broken", REPOSITORY);
		machine.write(SOURCE, "Types: deb\nURIs: https://packages.example.org/v1.33/deb/\nSuites: /\n");
		machine.write(KEY, "former");
		expect((await machine.run("prepare-node.sh", [], input())).exitCode).toBe(1);
		expect(machine.read(SOURCE)).toContain("v1.33");
		expect(machine.read(KEY)).toBe("former");
	});

	describe.skipIf(!existsSync("/usr/bin/apt-get"))("an entry that exists already is used", () => {
		test.each([
			["one line", "kubernetes.list", `deb [signed-by=/etc/k.gpg] ${REPOSITORY}/ /\n`],
			["deb822", "kubernetes.sources", `Types: deb\nURIs: ${REPOSITORY}\nSuites: /\nSigned-By: /etc/k.gpg\n`],
		])("%s", async (_, file, text) => {
			machine.write(`/etc/apt/sources.list.d/${file}`, text);
			// The file of an earlier run, which apt would call a conflict.
			machine.write(SOURCE, `Types: deb\nURIs: ${REPOSITORY}/\nSuites: /\nSigned-By: ${KEY}\n`);
			const { exitCode, stderr } = await machine.run("prepare-node.sh", [], input());
			expect(exitCode, stderr).toBe(0);
			expect(stderr).toContain(`/etc/apt/sources.list.d/${file}:1: that entry is used, and its key`);
			expect(machine.read("/sources")).toBe(`${file}\n`);
			expect([machine.read(SOURCE), machine.read(KEY)]).toEqual([undefined, undefined]);
		});

		test("unless it is for another version, or disabled", async () => {
			machine.write(
				"/etc/apt/sources.list.d/a.list",
				`deb https://packages.example.org/v1.33/deb/ /\n# deb ${REPOSITORY}/ /\n`,
			);
			machine.write("/etc/apt/sources.list.d/b.sources", `Enabled: no\nTypes: deb\nURIs: ${REPOSITORY}/\nSuites: /\n`);
			const { exitCode, stderr } = await machine.run("prepare-node.sh", [], input());
			expect(exitCode, stderr).toBe(0);
			expect(machine.read(SOURCE)).toBeDefined();
		});
	});
});

describe("prepare-node.sh and containerd", () => {
	const CONFIG = "/etc/containerd/config.toml";
	const V1 = `version = 2
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.6"
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
    [plugins."io.containerd.grpc.v1.cri".containerd]
      [plugins."io.containerd.grpc.v1.cri".containerd.default_runtime.options]
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes]
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
          Root = ""
          SystemdCgroup = false
`;
	const V2 = `version = 3
[plugins]
  [plugins.'io.containerd.cri.v1.images']
    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10'
  [plugins.'io.containerd.cri.v1.runtime']
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = ''
    [plugins.'io.containerd.cri.v1.runtime'.cni]
      bin_dir = ''
      bin_dirs = ['/usr/lib/cni']
  [plugins.'io.containerd.image-verifier.v1.bindir']
    bin_dir = '/opt/containerd/image-verifier/bin'
  [plugins.'io.containerd.shim.v1.manager']
    sandbox = 'stays'
`;
	const input =
		"source packages\ncgroup-driver systemd\nimage-repository registry.example.org\nkubernetes-version v1.34.4\n";

	beforeEach(() => {
		for (const tool of ["kubelet", "modprobe", "sysctl"]) machine.command(tool, "exit 0");
		machine.command("kubeadm", "echo registry.example.org/pause:3.10.1");
		machine.command(
			"containerd",
			`case "$*" in
"config default") cat $root/default ;;
"config dump") cat $root${CONFIG} ;;
"--config "*" config dump") if [ -e $root/invalid ]; then echo "containerd: invalid" >&2; exit 1; fi; cat "$2" ;;
esac`,
		);
	});

	const written = () => machine.read(CONFIG)?.split("\n").slice(1).join("\n");

	test("it is an error if systemd does not enable containerd, and its words are shown", async () => {
		machine.write("/run/systemd/system/x", "");
		machine.write("/default", V1);
		machine.command(
			"systemctl",
			'case "$*" in *enable*) echo "Unit file containerd.service is masked." >&2; exit 1 ;; esac',
		);
		const { exitCode, stderr } = await machine.run("prepare-node.sh", [], input);
		expect(stderr).toContain("systemd does not enable containerd.service: Unit file containerd.service is masked.");
		expect(exitCode).toBe(1);
	});

	test("1.x", async () => {
		machine.write("/default", V1);
		expect(await machine.run("prepare-node.sh", [], input)).toEqual({ exitCode: 0, stdout: "changed", stderr: "" });
		expect(written()).toBe(
			V1.replace("registry.k8s.io/pause:3.6", "registry.example.org/pause:3.10.1")
				.replace("/usr/lib/cni", `${machine.root}/opt/cni/bin`)
				.replace("          SystemdCgroup = false\n", "")
				.replace("runc.options]\n", "runc.options]\n          SystemdCgroup = true\n"),
		);
		expect((await machine.run("prepare-node.sh", [], input)).stdout).toBe("unchanged");
	});

	test("2.x, whose defaults have no SystemdCgroup", async () => {
		machine.write("/default", V2);
		expect(await machine.run("prepare-node.sh", [], input)).toEqual({ exitCode: 0, stdout: "changed", stderr: "" });
		expect(written()).toBe(
			V2.replace("'registry.k8s.io/pause:3.10'", '"registry.example.org/pause:3.10.1"')
				.replace("['/usr/lib/cni']", `["${machine.root}/opt/cni/bin"]`)
				.replace("runc.options]\n", "runc.options]\n      SystemdCgroup = true\n"),
		);
	});

	test("our own file that lacks the setting is written again", async () => {
		machine.write("/default", V2);
		await machine.run("prepare-node.sh", [], input);
		machine.write(CONFIG, machine.read(CONFIG)?.replace(/ *SystemdCgroup.*\n/, "") ?? "");
		expect((await machine.run("prepare-node.sh", [], input)).stdout).toBe("changed");
		expect(machine.read(CONFIG)).toContain("SystemdCgroup = true");
	});

	test.each([
		[
			"has no place for SystemdCgroup",
			"/default",
			"version = 3\n",
			"containerd's own defaults have no place for runc's SystemdCgroup = true",
		],
		[
			"rejects the settings",
			"/invalid",
			"",
			"containerd does not take its own defaults with the cluster's settings: containerd: invalid",
		],
	])("a containerd that %s is an error, and nothing is written", async (_, file, text, said) => {
		machine.write("/default", V2);
		machine.write(file, text);
		const { exitCode, stdout, stderr } = await machine.run("prepare-node.sh", [], input);
		expect([exitCode, stdout]).toEqual([1, ""]);
		expect(stderr).toContain(said);
		expect(machine.read(CONFIG)).toBeUndefined();
	});

	test("a file that somebody else wrote stays, with a warning if it lacks the setting", async () => {
		machine.write(CONFIG, V2);
		const lacking = await machine.run("prepare-node.sh", [], input);
		expect(lacking.stderr).toContain(
			"is not pod-gateway's and stays, but it does not say SystemdCgroup = true for runc",
		);
		const own = V2.replace("BinaryName = ''", "SystemdCgroup = true");
		machine.write(CONFIG, own);
		expect((await machine.run("prepare-node.sh", [], input)).stderr).toBe("");
		expect(machine.read(CONFIG)).toBe(own);
	});
});

test("prepare-node.sh refuses a machine without the resolv.conf that pods get, before it changes anything", async () => {
	const file = join(machine.root, "run/systemd/resolve/resolv.conf");
	const { exitCode, stdout, stderr } = await machine.run(
		"prepare-node.sh",
		[],
		`source preinstalled\nresolv-conf ${file}\n`,
	);
	expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
	expect(stderr).toMatch(/resolvConf\), which this machine has not: .*nothing was touched$/);
	expect(machine.read("/var/lib/pod-gateway")).toBeUndefined();
});

describe("prepare-node.sh and masquerading", () => {
	const UNIT = "/etc/systemd/system/pod-gateway-masquerade.service";
	const input = `source packages\nmasquerade ${Buffer.from("table ip pod_gateway_masquerade {}\n").toString("base64")}\n`;

	test("its unit follows nftables.service, which flushes all rules", async () => {
		for (const tool of ["kubelet", "kubeadm", "modprobe", "sysctl"]) machine.command(tool, "exit 0");
		machine.write("/run/systemd/system/x", "");
		machine.command("nft", "exit 0");
		machine.command("systemctl", 'echo "$*" >>$root/systemctl');
		machine.command("containerd", "exit 1");
		machine.write("/etc/containerd/config.toml", "version = 2\n");
		expect((await machine.run("prepare-node.sh", [], input)).stdout).toBe("changed");
		expect(machine.read(UNIT)).toMatch(
			/^After=nftables.service\nPartOf=nftables.service\nReloadPropagatedFrom=nftables.service$/m,
		);
		// The unit of an earlier version.
		machine.write(UNIT, "[Unit]\nAfter=nftables.service\n");
		machine.write("/systemctl", "");
		expect((await machine.run("prepare-node.sh", [], input)).stdout).toBe("changed");
		expect(machine.read("/systemctl")).toBe("daemon-reload\n--quiet enable --now pod-gateway-masquerade.service\n");
		expect((await machine.run("prepare-node.sh", [], input)).stdout).toBe("unchanged");
	});
});
