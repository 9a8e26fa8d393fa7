import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { onTestFinished } from 'vitest';

const readFixture = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8');

/** A certificate for `models.example.com`, `hooks.example.com`, 93.184.216.34 and 127.0.0.1, signed by its own key. */
export const CERTIFICATE = { key: readFixture('key.pem'), cert: readFixture('certificate.pem') };

/** Lets this process trust `CERTIFICATE` until the test finishes. */
export function trustCertificate(): void {
  const authorities = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...authorities, CERTIFICATE.cert]);
  onTestFinished(() => tls.setDefaultCACertificates(authorities));
}
