import { createPrivateKey, X509Certificate } from "node:crypto";
import { failure, type Result, success } from "../core/values/result.ts";

/** Reads certificates, PEM. Each must be whole. Other text around them is ignored, as TLS libraries do. */
export function parseCertificates(text: string): Result<string> {
	const found = text.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
	return found.length > 0 && found.every(isCertificate)
		? success(text)
		: failure("is not a certificate in PEM form (-----BEGIN CERTIFICATE-----…)");
}

function isCertificate(pem: string): boolean {
	try {
		return new X509Certificate(pem).raw.length > 0;
	} catch {
		return false;
	}
}

/** Reads a private key, PEM, without a passphrase. Problems never repeat a part of the key. */
export function parsePrivateKey(text: string): Result<string> {
	// The headers of PKCS #8 and of older forms (RFC 1421).
	if (/^(-----BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED)/m.test(text)) {
		return failure("has a passphrase; remove it: openssl pkey -in KEY -out PLAIN");
	}
	try {
		createPrivateKey(text);
		return success(text);
	} catch {
		return failure("is not a private key in PEM form (-----BEGIN PRIVATE KEY-----…)");
	}
}
