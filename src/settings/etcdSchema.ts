import { z } from "zod";
import { certificates, httpsOrigin, privateKey, text } from "./fields.ts";

/** An etcd, reached with TLS. conflicts.ts checks mutually exclusive keys. */
export const etcd = z.strictObject({
	endpoints: z
		.array(httpsOrigin("https://10.200.0.10:2379"))
		.min(1, "is empty; list at least one server")
		.describe("Client URLs of its servers, tried in order. Example: https://10.200.0.10:2379"),
	caFile: text
		.optional()
		.describe(
			"Path of the CA's certificate; ~ is your home. Exactly one of this and ca. Example: /etc/kubernetes/pki/etcd/ca.crt",
		),
	ca: certificates.optional().describe("The CA's certificate itself, PEM."),
	certFile: text
		.optional()
		.describe("Path of the client's certificate. Default: none, for an etcd that does not ask for one."),
	cert: certificates.optional().describe("The client's certificate itself, PEM."),
	keyFile: text.optional().describe("Path of the private key of the client's certificate."),
	key: privateKey.optional().describe("The private key itself, PEM, as a secret: pulumi config set --secret --path."),
});
