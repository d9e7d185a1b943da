import { createPrivateKey, X509Certificate } from "node:crypto";
import { failure, type Result, success } from "../core/values/result.ts";

/** Reads certificates, PEM: every one of the text has to be whole. What is no certificate beside them is let be, as TLS does. */
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

/** Reads a private key, PEM, that asks for no passphrase. No problem repeats a part of it. */
export function parsePrivateKey(text: string): Result<string> {
	// The header of PKCS #8, and that of older forms (RFC 1421).
	if (/^(-----BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED)/m.test(text)) {
		return failure("asks for a passphrase; take it off: openssl pkey -in KEY -out PLAIN");
	}
	try {
		createPrivateKey(text);
		return success(text);
	} catch {
		return failure("is not a private key in PEM form (-----BEGIN PRIVATE KEY-----…)");
	}
}
