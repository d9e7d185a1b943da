import { connect } from "node:http2";
import grpc from "@grpc/grpc-js";
import { engineAddress } from "./engineAddress.ts";

/** The engine sends whole states in one message. The official plugins have the same limit. */
const largestMessage = 400 * 1024 * 1024;

/**
 * Serves one gRPC service on a free port of the loopback address, prints the port on standard output as the engine expects, and ends
 * the process when the engine that started it has ended.
 */
export function serve(service: grpc.ServiceDefinition, implementation: grpc.UntypedServiceImplementation): void {
	const server = new grpc.Server({
		"grpc.max_receive_message_length": largestMessage,
		"grpc.max_send_message_length": largestMessage,
	});
	server.addService(service, implementation);
	server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
		if (error) throw error;
		process.stdout.write(`${port}\n`);
	});
	const engine = engineAddress(process.argv.slice(2));
	if (engine !== undefined) exitWith(engine);
}

/** Keeps an idle connection to the engine open, and ends this process when that is closed, because the engine has ended. */
function exitWith(engine: string): void {
	const connection = connect(`http://${engine}`);
	connection.on("error", () => process.exit(1));
	connection.on("close", () => process.exit(0));
}
