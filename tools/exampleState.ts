/** For tests: how servers are reached. */
export const exampleTarget = {
	host: "10.0.0.1",
	port: 22,
	user: "root",
	hostKey: "ssh-ed25519 AAAA",
	connectTimeout: 15,
};

/** For tests: the name of a server's resource. */
export function exampleUrn(server: string, type: string, resource: string): string {
	return `urn:pulumi:prod::pod-gateway::pod-gateway:index:PhysicalServer$command:${type}:${server}-${resource}`;
}

/** For tests: a value as `pulumi stack export --show-secrets` shows a secret. */
export function exampleSecret(value: unknown) {
	return { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", plaintext: JSON.stringify(value) };
}

/** For tests: the resources of a server in a stack's state. */
export function exampleResources(
	server: string,
	desired = `pod-gateway 1\nserver ${server}\n`,
	target: object = exampleTarget,
) {
	return [
		{
			urn: exampleUrn(server, "local:Command:", "restore"),
			type: "command:local:Command",
			inputs: { stdin: exampleSecret(JSON.stringify(target)) },
		},
		{
			urn: exampleUrn(server, "local:Command:", "network"),
			type: "command:local:Command",
			inputs: { stdin: desired },
			outputs: { stdout: '{"result":"applied","dnsMethod":"resolved","record":null}' },
		},
	];
}
