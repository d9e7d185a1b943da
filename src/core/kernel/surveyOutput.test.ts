import { expect, test } from "vitest";
import { parseSurveyOutput } from "./surveyOutput.ts";

test("the routes of both families are in one table", () => {
	const text = `== ip -j -4 route
[{"dst":"192.244.32.0/26","gateway":"10.200.0.12","dev":"eth0","protocol":"bird","flags":[]}]

== ip -j -6 route
[{"dst":"fd00:244::/122","gateway":"fd00::12","dev":"eth0","protocol":"bird","flags":[]}]
`;
	const result = parseSurveyOutput(text);
	expect(result.ok && result.value.routes.map(({ destination }) => destination.text)).toEqual([
		"192.244.32.0/26",
		"fd00:244::/122",
	]);
});

test("route -n is read where ip has no JSON", () => {
	const text = `== route -n
Kernel IP routing table
Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
192.244.32.0    10.200.0.12     255.255.255.192 UG    32     0        0 eth0
`;
	const result = parseSurveyOutput(text);
	expect(result.ok && result.value.routes[0]?.destination.text).toBe("192.244.32.0/26");
});

test.each(["", "192.244.32.0/26 via 10.200.0.12", "== rm -rf\n", "== ip -j -4 route\nnot JSON"])(
	"anything else is a problem, not an empty table: %j",
	(text) => expect(parseSurveyOutput(text).ok).toBe(false),
);
