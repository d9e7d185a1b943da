import { expect, test } from "vitest";
import { markdown, reviewOf } from "./preview.ts";

const urn = (parent: string, name: string) =>
	`urn:pulumi:prod::pod-gateway::pod-gateway:index:${parent}$command:remote:Command::${name}`;
const with_ = (stdin: string) => ({ inputs: { stdin } });

const steps = [
	{ op: "same", urn: "urn:pulumi:prod::pod-gateway::pulumi:pulumi:Stack::pod-gateway-prod" },
	{ op: "replace", urn: urn("GatewayVm", "gw-1-vm") },
	{ op: "update", urn: urn("PhysicalServer", "db-2-script") },
	{
		op: "update",
		urn: urn("PhysicalServer", "db-2-network"),
		oldState: with_("route 10.0.0.0/26 via 10.0.0.1\nverify strict\n"),
		newState: with_("route 10.0.1.0/26 via 10.0.0.1\nverify strict\n"),
	},
	{ op: "create", urn: urn("PhysicalServer", "db-1-network"), newState: with_("route 10.0.1.0/26 via 10.0.0.1\n") },
	{ op: "delete", urn: urn("PhysicalServer", "db-3-network"), oldState: with_("route 10.0.0.0/26 via 10.0.0.1\n") },
	{ op: "same", urn: urn("PhysicalServer", "db-4-network"), oldState: with_("x\n"), newState: with_("x\n") },
];

test("a preview as a comment: first a line per server, then the changes of each", () => {
	expect(markdown("prod", reviewOf({ steps }))).toMatchInlineSnapshot(`
		"### pod-gateway: prod

		- db-1: new, +1 route, DNS unchanged
		- db-2: +1 −1 routes, DNS unchanged
		- db-3: restored, −1 route, DNS unchanged
		- 1 server does not change

		Gateways: \`replace gw-1-vm\`

		<details><summary>db-1</summary>

		\`\`\`diff
		+route 10.0.1.0/26 via 10.0.0.1
		\`\`\`

		</details>

		<details><summary>db-2</summary>

		\`\`\`diff
		-route 10.0.0.0/26 via 10.0.0.1
		+route 10.0.1.0/26 via 10.0.0.1
		\`\`\`

		</details>

		<details><summary>db-3</summary>

		\`\`\`diff
		-route 10.0.0.0/26 via 10.0.0.1
		\`\`\`

		</details>
		"
	`);
});

test("a change that several servers share is shown once", () => {
	const lines = ["+route 192.244.32.0/26 via 10.0.0.20"];
	const servers = ["db-1", "db-2"].map((server) => ({ server, summary: `${server}: +1 route`, lines }));
	const text = markdown("prod", { servers, unchanged: 0, others: [] });
	expect(text).toContain("<details><summary>db-1, db-2</summary>");
	expect(text.match(/\+route/g)?.length).toBe(1);
});

test("a preview without changes gives one sentence", () => {
	expect(markdown("prod", reviewOf({ steps: steps.filter(({ op }) => op === "same") }))).toBe(
		"### pod-gateway: prod\n\nNothing changes.\n",
	);
});

test("something else than a preview is an error", () => {
	expect(() => reviewOf({ steps: 1 })).toThrow("not a preview");
});
