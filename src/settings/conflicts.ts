import { z } from "zod";
import { parseAddress } from "../core/values/address.ts";
import { covers, isDefault, overlaps, parsePrefix } from "../core/values/prefix.ts";
import { label } from "./fields.ts";
import { type KeptAddress, keptAddresses } from "./kept.ts";
import { settingAt } from "./problems.ts";

/** Reads a value, or undefined if it does not fit: other parts of the settings may be wrong, and the schema reports those. */
function lenient<Schema extends z.ZodType>(schema: Schema) {
	return schema.optional().catch(undefined);
}

const present = lenient(z.unknown());
const credentials = z.object({ privateKeyFile: present, privateKey: present, agent: present });
const ssh = lenient(credentials.extend({ bastion: lenient(credentials) }));
const ADDRESSES = ["address", "address6", "spareAddress", "spareAddress6"] as const;
const text = lenient(z.string());
const machines = lenient(
	z.array(
		z
			.object({ name: lenient(label), address: text, address6: text, spareAddress: text, spareAddress6: text, ssh })
			.partial()
			.catch({}),
	),
);
const prefixes = lenient(z.array(lenient(z.string())));
const readable = z.object({
	cluster: lenient(
		z.object({
			kubeconfigFile: present,
			kubeconfig: present,
			podRanges: prefixes,
			serviceRanges: prefixes,
			calicoEtcd: lenient(
				z.object({ caFile: present, ca: present, certFile: present, cert: present, keyFile: present, key: present }),
			),
		}),
	),
	ssh,
	gateways: machines,
	servers: machines,
});
type Readable = z.output<typeof readable>;

/** A value and the setting it comes from. */
interface Placed<Value> {
	readonly value: Value;
	readonly path: readonly PropertyKey[];
}

/**
 * Problems between settings that are valid on their own: repeated names and addresses, overlapping ranges, missing or rival
 * keys.
 */
export function conflicts(raw: Readonly<Record<string, unknown>>): readonly string[] {
	const settings = readable.parse(raw);
	const names = everyMachine(settings).flatMap(({ value, path }) => placed(value.name, [...path, "name"]));
	return [
		...kubeconfigProblems(settings),
		...etcdProblems(settings),
		...authenticationProblems(settings),
		...failoverProblems(settings),
		...repeated(names, "the name"),
		...repeated(addresses(settings), "the address"),
		...rangeProblems(settings, keptAddresses(raw)),
	];
}

function kubeconfigProblems({ cluster }: Readable): readonly string[] {
	if (cluster === undefined) return [];
	const given = [cluster.kubeconfigFile, cluster.kubeconfig].filter((value) => value !== undefined).length;
	const found = given === 0 ? "the kubeconfig is missing" : "kubeconfigFile and kubeconfig are both set";
	return given === 1 ? [] : [`${settingAt(["cluster"])}: ${found}; set exactly one of kubeconfigFile and kubeconfig`];
}

/** Each route has every gateway as a next hop, and nothing removes one that is down. So a second one would lower availability. */
function failoverProblems({ gateways }: Readable): readonly string[] {
	const number = gateways?.length ?? 0;
	if (number < 2) return [];
	const why =
		"each route would use all of them as next hops, and if one failed, its share of the traffic would be lost";
	return [`${settingAt(["gateways"])}: lists ${number} machines, but failover is not supported yet: ${why}; list one`];
}

function etcdProblems({ cluster }: Readable): readonly string[] {
	const block = cluster?.calicoEtcd;
	if (block === undefined) return [];
	const at = settingAt(["cluster", "calicoEtcd"]);
	const given = (["ca", "cert", "key"] as const).map((name) => {
		const ways = ([`${name}File`, name] as const).filter((way) => block[way] !== undefined);
		return { name, ways };
	});
	const [ca, cert, key] = given.map(({ ways }) => ways.length > 0);
	return [
		...given
			.filter(({ ways }) => ways.length > 1)
			.map(({ ways }) => `${at}: ${ways.join(" and ")} are set; keep one of them`),
		...(ca ? [] : [`${at}: the CA of its servers' certificates is missing; set caFile or ca`]),
		...(cert && !key ? [`${at}: the client's certificate needs its key; set keyFile or key, too`] : []),
		...(key && !cert ? [`${at}: the client's key needs its certificate; set certFile or cert, too`] : []),
	];
}

function authenticationProblems(settings: Readable): readonly string[] {
	const own = everyMachine(settings).map(({ value, path }) => ({ value: value.ssh, path: [...path, "ssh"] }));
	const none = waysIn(settings.ssh).length === 0 ? own.filter(({ value }) => waysIn(value).length === 0) : [];
	return [
		...[{ value: settings.ssh, path: ["ssh"] }, ...own].flatMap(({ value, path }) => [
			...severalWaysIn(value, path),
			...severalWaysIn(value?.bastion, [...path, "bastion"]),
		]),
		...none.map(
			({ path }) =>
				`${settingAt(path)}: the way to authenticate is missing; set privateKeyFile, privateKey or agent here or in pod-gateway:ssh`,
		),
	];
}

function severalWaysIn(
	block: z.output<typeof credentials> | undefined,
	path: readonly PropertyKey[],
): readonly string[] {
	const ways = waysIn(block);
	return ways.length <= 1
		? []
		: [`${settingAt(path)}: ${ways.join(" and ")} are set; keep exactly one way to authenticate`];
}

function waysIn(block: z.output<typeof credentials> | undefined): readonly string[] {
	const ways = ["privateKeyFile", "privateKey", "agent"] as const;
	return ways.filter((way) => block?.[way] !== undefined && block[way] !== false);
}

function rangeProblems(settings: Readable, kept: readonly KeptAddress[]): readonly string[] {
	const ranges = (["podRanges", "serviceRanges"] as const).flatMap((key) =>
		(settings.cluster?.[key] ?? []).flatMap((text, index) => {
			const prefix = parsePrefix(text ?? "");
			return prefix.ok ? placed(prefix.value, ["cluster", key, index]) : [];
		}),
	);
	const defaults = ranges.filter(({ value }) => isDefault(value));
	const real = ranges.filter(({ value }) => !isDefault(value));
	return [
		...defaults.map(({ path }) => `${settingAt(path)}: a default route is never pushed; write the cluster's own range`),
		...real.flatMap(({ value, path }, index) =>
			real
				.slice(0, index)
				.filter((earlier) => overlaps(earlier.value, value))
				.map(
					(earlier) =>
						`${settingAt(path)}: ${value.text} overlaps ${earlier.value.text} of ${settingAt(earlier.path)}; correct one of them`,
				),
		),
		...kept.flatMap(({ address, setting }) =>
			real
				.filter((range) => covers(range.value, address))
				.map(
					(range) =>
						`${setting}: ${address.text} lies in ${range.value.text} of ${settingAt(range.path)}; ` +
						"routes to that range would cut the machine off, so correct one of them",
				),
		),
	];
}

/** Every valid address of a machine, in its canonical form. */
function addresses(settings: Readable): readonly Placed<string>[] {
	return everyMachine(settings).flatMap(({ value, path }) =>
		ADDRESSES.flatMap((key) => {
			const address = parseAddress(value[key] ?? "");
			return address.ok ? placed(address.value.text, [...path, key]) : [];
		}),
	);
}

function everyMachine({ gateways = [], servers = [] }: Readable) {
	return [
		...gateways.map((value, index) => ({ value, path: ["gateways", index] })),
		...servers.map((value, index) => ({ value, path: ["servers", index] })),
	];
}

function placed<Value>(value: Value | undefined, path: readonly PropertyKey[]): readonly Placed<Value>[] {
	return value === undefined ? [] : [{ value, path }];
}

function repeated(texts: readonly Placed<string>[], what: string): readonly string[] {
	return texts.flatMap(({ value, path }, index) => {
		const first = texts.findIndex((earlier) => earlier.value === value);
		const earlier = texts[first];
		return earlier && first < index
			? [
					`${settingAt(path)}: ${what} ${value} is already that of ${settingAt(earlier.path)}; each machine needs its own`,
				]
			: [];
	});
}
