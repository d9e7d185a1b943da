import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { hostScript } from "../remote/scripts.ts";

/** What the scripts may really run: nothing that acts on more than the files it is given. */
const TOOLS =
	"awk base64 basename cat chmod cmp comm cp cut date diff dirname env find flock grep head ln ls md5sum mkdir mktemp mv od openssl paste printf readlink rm rmdir sed sh sha256sum sleep sort sync tail timeout touch tr uniq wc xargs";

/**
 * A folder that stands for a machine's root: the scripts of `components/host` run with every absolute path moved into it, and with
 * no other commands than a few harmless ones and those that a test makes up.
 */
export class HostSandbox {
	readonly root = mkdtempSync(join(tmpdir(), "pod-gateway-host-"));

	constructor() {
		for (const folder of ["bin", "run", "proc", "etc", "var/lib"])
			mkdirSync(join(this.root, folder), { recursive: true });
		for (const tool of TOOLS.split(" ")) {
			const real = ["/usr/bin", "/bin"].map((folder) => join(folder, tool)).find((path) => existsSync(path));
			if (real) symlinkSync(real, join(this.root, "bin", tool));
		}
		this.write("/proc/mounts", "");
	}

	/** Writes a file. @param path as the script names it. */
	write(path: string, text: string): void {
		const file = join(this.root, path);
		mkdirSync(dirname(file), { recursive: true });
		writeFileSync(file, text);
	}

	/** Contents of a file; undefined where there is none. */
	read(path: string): string | undefined {
		const file = join(this.root, path);
		return existsSync(file) ? readFileSync(file, "utf8") : undefined;
	}

	/** Makes up a command. @param body of a shell script, where `$root` is the folder. */
	command(name: string, body: string): void {
		// What is there may be a link to the machine's own command, which must not be written to.
		rmSync(join(this.root, "bin", name), { force: true });
		this.write(`/bin/${name}`, `#!/bin/sh\nroot=${this.root}\n${body}\n`);
		chmodSync(join(this.root, "bin", name), 0o755);
	}

	async run(script: string, args: readonly string[] = [], input = "") {
		const text = hostScript(script)
			.text.replace(/^PATH=.*$/m, `PATH=${this.root}/bin`)
			.replaceAll(/(?<![\w.}*)])\/(etc|var|run|proc|sys|opt|usr)(?=[/\s"'])/g, `${this.root}/$1`);
		this.write(`/${script}`, text);
		const result = await execa("sh", [join(this.root, script), ...args], {
			input,
			reject: false,
			env: { APT_CONFIG: `${this.root}/apt.conf` },
		});
		return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
	}

	remove(): void {
		rmSync(this.root, { recursive: true });
	}
}
