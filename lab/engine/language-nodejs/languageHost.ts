import type { ChildProcess } from "node:child_process";
import grpc from "@grpc/grpc-js";
import languageMessages from "@pulumi/pulumi/proto/language_pb.js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { messageOf } from "../../../src/core/values/messageOf.ts";
import { engineAddress } from "../protocol/engineAddress.ts";
import { startPolicyPack } from "./policyPack.ts";
import { startProgram } from "./program.ts";

/** The version of the engine that this host is made for, and the one that it reports. */
const version = "3.259.0";

/**
 * Runs Node.js programs for the engine, as the official language host does (`sdk/nodejs/cmd/pulumi-language-nodejs`): for preview, up,
 * refresh and destroy, and for policy packs. It does not say which plugins a program needs; the engine finds them when they are first
 * used. It does not implement calls that install, generate or pack.
 */
export function languageHost(args: readonly string[]): grpc.UntypedServiceImplementation {
	let engine = engineAddress(args) ?? "";
	const running = new Set<ChildProcess>();

	const run: grpc.handleUnaryCall<languageMessages.RunRequest, languageMessages.RunResponse> = async (call, reply) => {
		try {
			const program = startProgram(call.request, engine);
			running.add(program.process);
			const stop = () => program.process.kill("SIGINT");
			call.on("cancelled", stop);
			const { error, bail } = await program.ended;
			running.delete(program.process);
			const response = new languageMessages.RunResponse();
			response.setError(error ?? "");
			response.setBail(bail ?? false);
			reply(null, response);
		} catch (error) {
			reply({ code: grpc.status.UNKNOWN, details: messageOf(error) });
		}
	};

	const runPlugin: grpc.handleServerStreamingCall<
		languageMessages.RunPluginRequest,
		languageMessages.RunPluginResponse
	> = (call) => {
		try {
			const plugin = startPolicyPack(call.request);
			running.add(plugin);
			call.on("cancelled", () => plugin.kill("SIGINT"));
			plugin.stdout.on("data", (bytes: Buffer) =>
				call.write(new languageMessages.RunPluginResponse().setStdout(bytes)),
			);
			plugin.stderr.on("data", (bytes: Buffer) =>
				call.write(new languageMessages.RunPluginResponse().setStderr(bytes)),
			);
			plugin.once("close", (status) => {
				running.delete(plugin);
				call.write(new languageMessages.RunPluginResponse().setExitcode(status ?? 1));
				call.end();
			});
		} catch (error) {
			call.destroy(error as Error);
		}
	};

	const handshake: grpc.handleUnaryCall<languageMessages.LanguageHandshakeRequest, object> = (call, reply) => {
		engine = call.request.getEngineAddress() || engine;
		reply(null, new languageMessages.LanguageHandshakeResponse());
	};

	const pluginInfo: grpc.handleUnaryCall<empty.Empty, plugins.PluginInfo> = (_call, reply) => {
		const info = new plugins.PluginInfo();
		info.setVersion(version);
		reply(null, info);
	};

	const cancel: grpc.handleUnaryCall<empty.Empty, empty.Empty> = (_call, reply) => {
		for (const child of running) child.kill("SIGINT");
		reply(null, new empty.Empty());
	};

	return {
		handshake,
		run,
		runPlugin,
		cancel,
		getPluginInfo: pluginInfo,
		getRequiredPlugins: always(() => new languageMessages.GetRequiredPluginsResponse()),
		getRequiredPackages: always(() => new languageMessages.GetRequiredPackagesResponse()),
		getProgramDependencies: always(() => new languageMessages.GetProgramDependenciesResponse()),
	};
}

function always<Reply>(make: () => Reply): grpc.handleUnaryCall<unknown, Reply> {
	return (_call, reply) => reply(null, make());
}
