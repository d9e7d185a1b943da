import grpc from "@grpc/grpc-js";
import engineRpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineMessages from "@pulumi/pulumi/proto/engine_pb.js";
import { engineAddress } from "./engineAddress.ts";

const severities = engineMessages.LogSeverity;

/** Writes to the engine's display, under the name of one resource. */
export interface Log {
	/** Writes a line in the resource's status column. The next line replaces it. */
	status(message: string): void;
	info(message: string): void;
	warning(message: string): void;
}

let client: engineRpc.EngineClient | undefined;

/** The log of one resource. It writes nothing when no engine started this process. */
export function logOf(urn: string): Log {
	const send = (severity: 0 | 1 | 2 | 3, message: string, ephemeral: boolean) => {
		const engine = engineAddress(process.argv.slice(2));
		if (engine === undefined) return;
		client ??= new engineRpc.EngineClient(engine, grpc.credentials.createInsecure());
		const request = new engineMessages.LogRequest();
		request.setSeverity(severity);
		request.setMessage(message);
		request.setUrn(urn);
		request.setEphemeral(ephemeral);
		// A deployment must not fail because the engine does not accept a line.
		client.log(request, () => {});
	};
	return {
		status: (message) => send(severities.INFO, message, true),
		info: (message) => send(severities.INFO, message, false),
		warning: (message) => send(severities.WARNING, message, false),
	};
}
