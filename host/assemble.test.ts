import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { assemble, assembled, parts } from "./assemble.ts";

test("the committed script is the one that its parts make", () => {
	expect(readFileSync(assembled, "utf8"), "run: npm run host").toBe(assemble());
});

test("no line of a part is longer than 140 characters", () => {
	const long = parts().flatMap((path) =>
		readFileSync(path, "utf8")
			.split("\n")
			.flatMap((line, index) => (line.length > 140 ? [`${path}:${index + 1}`] : [])),
	);
	expect(long).toEqual([]);
});

test("every owner of resolv.conf answers every verb", () => {
	const script = assemble();
	const owners = /^OWNERS='(.*)'$/m.exec(script)?.[1]?.split(" ") ?? [];
	const verbs = ["fits", "plan", "unwanted", "service", "reload", "drift", "mend", "release", "shared"];
	expect(owners).toContain("resolvconf");
	expect(owners.length).toBe(parts().filter((path) => path.includes("/dns/")).length);
	for (const owner of owners) {
		for (const verb of verbs) expect(script).toMatch(new RegExp(`^${owner}_${verb}\\(\\) \\{`, "m"));
	}
});

/** The commands that change a server, and the functions that may use them outside of this run's own folder. */
const CHANGING =
	/(?:^|[;&|({]|\bthen|\bdo|\belse|!)\s*(?:timeout [-\d$A-Z_k ]+)?(mv|rm|cp|ln|mkdir|rmdir|chmod|chown|tee|install|systemctl (?!is-active|show)\S+|ip (?:-force )?"?-\$f"? -batch|ip route (?:add|del|replace)|resolvectl domain "\$link" \S|busctl \S+ call|sed -i)/;
const MAY_CHANGE: Readonly<Record<string, RegExp>> = {
	mv: /^(put_prepared|rename_durably|undo_files|strip_block|finish)$/,
	rm: /^(put_prepared|remove_files|undo|undo_files|finish|forget_incomplete|tidy|sweep|drop_second_names|unready|restore|remove_recovery|owner_is_settled|leave_owner|put_back_files|at_exit)$/,
	cp: /^(prepare_files|keep_edits|strip_block|incomplete)$/,
	ln: /^(prepare_files|put_prepared|unready)$/,
	mkdir: /^(prepare_files|keep_edits|take_lock|snapshot)$/,
	rmdir: /^(remove_folders|at_exit)$/,
	chmod: /^be_root$/,
	systemctl: /^(reload_service|reload_units|arm|stop_units|networkmanager_reload)$/,
	ip: /^(set_routes|set_routes_back)$/,
	busctl: /^forget_claim$/,
	sed: /^forget_claim$/,
	resolvectl: /^(resolved_mend|resolved_release)$/,
};

test("nothing but the primitives changes a server", () => {
	let inside = "";
	const found = assemble()
		.split("\n")
		.flatMap((line) => {
			const opened = /^(\w+)\(\) \{/.exec(line);
			if (opened) inside = opened[1] ?? "";
			if (/^\s*#/.test(line)) return [];
			const command = CHANGING.exec(line)?.[1]?.split(" ")[0];
			// This run's own folder in /run is not part of the server's state.
			const own = /"\$WORK[/"]|"\$want"|\$RUN\/work/.test(line) && !/\$(path|beside|STATE|TARGET)\b/.test(line);
			if (line === "}") inside = "";
			if (!command || own || !inside || MAY_CHANGE[command]?.test(inside)) return [];
			return [`${inside}: ${line.trim()}`];
		});
	expect(found).toEqual([]);
});
