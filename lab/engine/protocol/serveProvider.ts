import grpc from "@grpc/grpc-js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import providerRpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { messageOf } from "../../../src/core/values/messageOf.ts";
import { shortened } from "../../../src/core/values/words.ts";
import type { Change } from "./diff.ts";
import { logOf } from "./log.ts";
import type { Difference, Failure, Provider, Resource } from "./provider.ts";
import { serve } from "./serve.ts";
import type { Values } from "./values.ts";

/** The limit of an error's text, which is an HTTP/2 header. A longer one is cut in the middle. */
const longestError = 16_000;

/** Serves a provider to the engine that started this process. */
export function serveProvider(provider: Provider): void {
	serve(providerRpc.ResourceProviderService, {
		getPluginInfo: answer(async (_: empty.Empty) => {
			const reply = new plugins.PluginInfo();
			reply.setVersion(provider.version);
			return reply;
		}),
		checkConfig: answer(async (request: messages.CheckRequest) => checked(properties(request.getNews()), [])),
		diffConfig: answer(async (request: messages.DiffRequest) =>
			differs(provider.diffSettings(properties(request.getOldInputs()), properties(request.getNews()))),
		),
		configure: answer(async (request: messages.ConfigureRequest) => {
			provider.configure(properties(request.getArgs()));
			const reply = new messages.ConfigureResponse();
			reply.setAcceptsecrets(true);
			reply.setSupportspreview(true);
			return reply;
		}),
		check: answer(async (request: messages.CheckRequest) => {
			const resource = resourceOf(request.getUrn());
			const result = await provider.check(resource, properties(request.getOlds()), properties(request.getNews()));
			return checked(result.inputs, result.failures);
		}),
		diff: answer(async (request: messages.DiffRequest) =>
			differs(
				await provider.diff(
					resourceOf(request.getUrn()),
					properties(request.getOldInputs()),
					properties(request.getOlds()),
					properties(request.getNews()),
				),
			),
		),
		create: answer(async (request: messages.CreateRequest) => {
			const resource = resourceOf(request.getUrn());
			const made = await provider.create(resource, properties(request.getProperties()), request.getPreview());
			const reply = new messages.CreateResponse();
			reply.setId(made.id);
			reply.setProperties(wire(made.state));
			return reply;
		}),
		read: answer(async (request: messages.ReadRequest) => {
			const found = await provider.read(
				resourceOf(request.getUrn()),
				request.getId(),
				properties(request.getInputs()),
				properties(request.getProperties()),
			);
			const reply = new messages.ReadResponse();
			if (found === undefined) return reply;
			reply.setId(found.id);
			reply.setInputs(wire(found.inputs));
			reply.setProperties(wire(found.state));
			return reply;
		}),
		update: answer(async (request: messages.UpdateRequest) => {
			const state = await provider.update(
				resourceOf(request.getUrn()),
				request.getId(),
				properties(request.getOlds()),
				properties(request.getNews()),
				request.getPreview(),
			);
			const reply = new messages.UpdateResponse();
			reply.setProperties(wire(state));
			return reply;
		}),
		delete: answer(async (request: messages.DeleteRequest) => {
			await provider.delete(resourceOf(request.getUrn()), request.getId(), properties(request.getProperties()));
			return new empty.Empty();
		}),
		invoke: answer(async (request: messages.InvokeRequest) => {
			const reply = new messages.InvokeResponse();
			reply.setReturn(wire(await provider.invoke(request.getTok(), properties(request.getArgs()))));
			return reply;
		}),
		cancel: answer(async (_: empty.Empty) => {
			provider.cancel();
			return new empty.Empty();
		}),
	});
}

/** Makes a handler from a function. An error of the function becomes the call's error, with the text that the person reads. */
function answer<Request, Reply>(handle: (request: Request) => Promise<Reply>): grpc.handleUnaryCall<Request, Reply> {
	return (call, callback) => {
		handle(call.request).then(
			(reply) => callback(null, reply),
			(error: unknown) => {
				const text = messageOf(error);
				callback({ code: grpc.status.UNKNOWN, details: shortened(text, longestError) });
			},
		);
	};
}

function resourceOf(urn: string): Resource {
	// urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME
	const [, , types = "", ...name] = urn.split("::");
	return { urn, type: types.split("$").at(-1) ?? "", name: name.join("::"), log: logOf(urn) };
}

function properties(message: struct.Struct | undefined): Values {
	return (message?.toJavaScript() ?? {}) as Values;
}

function wire(values: Values): struct.Struct {
	const present = Object.entries(values).filter(([, value]) => value !== undefined);
	return struct.Struct.fromJavaScript(Object.fromEntries(present) as { [key: string]: struct.JavaScriptValue });
}

function checked(inputs: Values, failures: readonly Failure[]): messages.CheckResponse {
	const reply = new messages.CheckResponse();
	reply.setInputs(wire(inputs));
	for (const failure of failures) {
		const item = new messages.CheckFailure();
		item.setProperty(failure.property);
		item.setReason(failure.reason);
		reply.addFailures(item);
	}
	return reply;
}

function differs(difference: Difference): messages.DiffResponse {
	const { DiffChanges } = messages.DiffResponse;
	const reply = new messages.DiffResponse();
	reply.setChanges(difference.changes.length > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE);
	reply.setReplacesList([...difference.replaces]);
	reply.setDeletebeforereplace(difference.deleteBeforeReplace ?? false);
	reply.setHasdetaileddiff(true);
	for (const change of difference.changes) {
		const item = new messages.PropertyDiff();
		item.setKind(kindOf(change, difference.replaces.includes(change.path)));
		item.setInputdiff(true);
		reply.getDetaileddiffMap().set(change.path, item);
	}
	return reply;
}

function kindOf(change: Change, replaces: boolean) {
	const { Kind } = messages.PropertyDiff;
	switch (change.kind) {
		case "add":
			return replaces ? Kind.ADD_REPLACE : Kind.ADD;
		case "delete":
			return replaces ? Kind.DELETE_REPLACE : Kind.DELETE;
		case "update":
			return replaces ? Kind.UPDATE_REPLACE : Kind.UPDATE;
	}
}
