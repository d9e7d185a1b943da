import languageRpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import { serve } from "../protocol/serve.ts";
import { languageHost } from "./languageHost.ts";

serve(languageRpc.LanguageRuntimeService, languageHost(process.argv.slice(2)));
