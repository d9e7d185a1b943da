import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { page as render } from "../cli/report/page.ts";
import { picture } from "../cli/report/picture.ts";
import { bootHost, type ExecResult, exec, powerOff } from "../lab/host.ts";
import { ensureBrowser } from "../lab/prerequisites.ts";
import { progress } from "../lab/progress.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { outsideHosts, STOP_REPAIRS } from "../lab/servers.ts";
import { stackName } from "../lab/site.ts";
import { useExistingGateway } from "./existingGateway.ts";
import { exampleReport, exampleServer } from "./fixtures/report.ts";

describe.skipIf(inject("noLab") !== undefined)("the report", { timeout: 300_000 }, () => {
	let folder: string;
	let browser: Browser;

	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "pod-gateway-report-"));
		// Tests run as root, for whom Chromium does not have a sandbox.
		const executablePath = await ensureBrowser(progress());
		browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
	});
	afterAll(async () => {
		await browser.close();
		await rm(folder, { recursive: true });
	});

	/** Opens a report in the browser. */
	async function opened(file: string, { width = 1280, dark = false } = {}) {
		const colorScheme = dark ? "dark" : "light";
		const shown = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
		const complaints: string[] = [];
		shown.on("console", (message) => complaints.push(message.text()));
		shown.on("pageerror", (error) => complaints.push(error.message));
		shown.on("request", (request) => {
			if (request.url() !== pathToFileURL(file).href) complaints.push(request.url());
		});
		await shown.goto(pathToFileURL(file).href);
		return { shown, complaints };
	}

	describe("in a browser", () => {
		let file: string;

		beforeAll(async () => {
			file = join(folder, "example.html");
			const report = exampleReport(
				[
					exampleServer("db-1", "in sync"),
					exampleServer("db-2", "drift", [`+ ${"a-line-without-a-break".repeat(20)}`, "- route 192.96.0.0/16"]),
					exampleServer("db-3", "unknown", ["no route to host"]),
					exampleServer("db-4"),
					{ ...exampleServer(`db-${"5".repeat(40)}`, "in sync"), outcome: { dnsMethod: "networkmanager" } },
				],
				{ pending: { servers: [], unchanged: 4, others: [] } },
			);
			await writeFile(file, render(report, await picture(report)));
		});

		test.each([
			[1280, false],
			[1280, true],
			[390, false],
			[390, true],
		])(
			"%i px wide, dark %j: nothing sticks out, everything can be read, nothing is downloaded",
			async (width, dark) => {
				const { shown, complaints } = await opened(file, { width, dark });
				expect(await shown.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
				const contrasts = await shown.evaluate(contrastOfTexts);
				expect(contrasts.length).toBeGreaterThan(40);
				// WCAG 2.2, success criterion 1.4.3.
				expect(contrasts.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
				expect(complaints).toEqual([]);
				// The keyboard reaches everything that scrolls, and the picture has a name.
				expect(await shown.evaluate(outOfReach)).toEqual([]);
				await shown.getByRole("img", { name: "Servers, gateways" }).waitFor();
				const background = await shown.evaluate(() => getComputedStyle(document.body).backgroundColor);
				expect(background === "rgb(255, 255, 255)").toBe(!dark);
				await shown.close();
			},
		);

		test("the check of contrast can fail", async () => {
			const { shown } = await opened(file);
			await shown.addStyleTag({ content: ".badge { color: #bbb !important }" }).catch(() => undefined);
			await shown.evaluate(() => document.body.style.setProperty("--text", "#ccc"));
			expect((await shown.evaluate(contrastOfTexts)).some(({ ratio }) => ratio < 4.5)).toBe(true);
			await shown.close();
		});

		test("nothing is cut off on paper", async () => {
			const { shown } = await opened(file, { width: 718 });
			await shown.emulateMedia({ media: "print" });
			// The width of A4 without Chromium's margins. Boxes do not scroll on paper.
			expect(await shown.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(718);
			await shown.close();
		});

		test("printed from a dark screen, it is dark on white", async () => {
			const { shown } = await opened(file, { dark: true });
			expect((await shown.pdf()).length).toBeGreaterThan(10_000);
			await shown.emulateMedia({ media: "print", colorScheme: "dark" });
			expect(await shown.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(255, 255, 255)");
			expect((await shown.evaluate(contrastOfTexts)).filter(({ ratio }) => ratio < 4.5)).toEqual([]);
			await shown.close();
		});
	});

	describe("of the lab", () => {
		const [drifted, dead] = ["ps-resolved", "ps-ifupdown"];
		let pulumi: LabPulumi;

		beforeAll(async () => {
			({ pulumi } = await useExistingGateway());
		}, 300_000);
		afterAll(async () => {
			await pulumi.run(["destroy", "--yes"]);
		}, 300_000);

		function report(...options: string[]): Promise<ExecResult> {
			return pulumi.tool("report", ["--out", folder, ...options]);
		}

		test("before the first deployment there is no report, and the command says so", async () => {
			const { exitCode, stderr } = await report();
			expect(exitCode).toBe(1);
			expect(stderr).toContain("run pulumi up first");
		});

		test("shows a server that drifted and one that is dead", async () => {
			await pulumi.run(["up", "--yes", "--skip-preview"]);
			await exec(drifted, ["sh", "-c", `${STOP_REPAIRS}; ip route del 192.96.0.0/16 proto 157`]);
			await powerOff(dead);
			const { exitCode, stderr } = await report();
			const spec = outsideHosts.find(({ name }) => name === dead);
			if (spec) await bootHost(spec);
			expect(exitCode, stderr).toBe(0);
			const markdown = await readFile(join(folder, `${stackName}.report.md`), "utf8");
			expect(markdown).toContain("6 servers: 4 in sync, 1 drift, 1 unknown; gateway `gw-1`; 4 blocks on 2 nodes.");
			expect(markdown).toContain("+ route 192.96.0.0/16 via 10.200.0.20");
			const { shown, complaints } = await opened(join(folder, `${stackName}.report.html`));
			expect(await shown.locator("svg").textContent()).toMatch(/ps-resolved\s*drift/);
			expect(await shown.locator("h3").allTextContents()).toEqual(["ps-ifupdown: unknown", "ps-resolved: drift"]);
			expect(complaints).toEqual([]);
			await shown.close();
		});

		test("without a look at servers, it does not need them", async () => {
			await rm(join(folder, `${stackName}.report.html`));
			const { exitCode, stderr } = await report("--no-live");
			expect(exitCode, stderr).toBe(0);
			expect((await stat(join(folder, `${stackName}.report.html`))).size).toBeGreaterThan(5000);
			expect(await readFile(join(folder, `${stackName}.report.md`), "utf8")).toContain("6 servers: 6 not looked at;");
		});
	});
});

/** In the browser: the contrast of every text to its background, as WCAG 2.2 defines it. */
function contrastOfTexts(): { text: string; ratio: number }[] {
	const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
	const luminance = (colour: string) => {
		const [red = 0, green = 0, blue = 0] = channels(colour).map((value) => {
			const share = value / 255;
			return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
		});
		return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
	};
	const behind = (element: Element | null): string => {
		if (!element) return "rgb(255, 255, 255)";
		const { backgroundColor } = getComputedStyle(element);
		return channels(backgroundColor)[3] === 0 ? behind(element.parentElement) : backgroundColor;
	};
	return [...document.body.querySelectorAll("*")].flatMap((element) => {
		const text = [...element.childNodes].flatMap((node) =>
			node.nodeType === Node.TEXT_NODE ? [node.textContent] : [],
		);
		if (text.join("").trim() === "" || element.tagName === "title") return [];
		const style = getComputedStyle(element);
		const own = luminance(element instanceof SVGElement ? style.fill : style.color);
		const other = luminance(behind(element));
		const ratio = (Math.max(own, other) + 0.05) / (Math.min(own, other) + 0.05);
		return [{ text: text.join("").trim(), ratio }];
	});
}

/** In the browser: the elements that scroll sideways and cannot get the focus. */
function outOfReach(): string[] {
	return [...document.body.querySelectorAll<HTMLElement>("*")]
		.filter(({ scrollWidth, clientWidth }) => clientWidth > 0 && scrollWidth > clientWidth)
		.filter((element) => getComputedStyle(element).overflowX === "auto" && element.tabIndex < 0)
		.map(({ className }) => className);
}
