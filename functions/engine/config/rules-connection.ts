import { finding } from './problems.ts';
import type { Finding } from './problems.ts';
import { exactlyOne, isSettings } from './settings.ts';
import type { Findings } from './settings.ts';
import type { SettingPath } from './yaml-source.ts';

/** Rules across the settings of one connection. */
export function connectionRules(connection: unknown, path: SettingPath): Findings {
  if (!isSettings(connection)) return { problems: [], warnings: [] };
  const problems: Finding[] = [...reference(connection.password, [...path, 'password'])];
  const warnings: Finding[] = [];
  const ssl = isSettings(connection.ssl) ? connection.ssl : {};
  const sslPath = [...path, 'ssl'];
  const isSocket = typeof connection.host === 'string' && connection.host.startsWith('/');

  if (typeof connection.password === 'string') {
    warnings.push({
      path: [...path, 'password'],
      at: 'value',
      text: 'the password stands in the file; use { env: NAME }, { file: path } or { secret: name } (AWS refuses a literal one)',
    });
  }
  if (connection.auth === 'iam' && connection.password !== undefined) {
    problems.push({ path: [...path, 'password'], at: 'key', text: 'found with auth: iam - allowed only with auth: password' });
  }
  if (connection.auth === 'iam' && (ssl.mode === 'disable' || isSocket)) {
    problems.push({
      path: [...sslPath, 'mode'],
      at: 'value',
      text: 'found no encryption with auth: iam - allowed require, verify-ca, verify-full',
    });
  }
  for (const name of ['ca', 'cert', 'key'] as const) {
    problems.push(...reference(ssl[name], [...sslPath, name]));
    if (ssl[name] !== undefined && (ssl.mode === 'disable' || isSocket)) {
      problems.push({
        path: [...sslPath, name],
        at: 'key',
        text: 'found without encryption - allowed with mode require, verify-ca, verify-full',
      });
    }
  }
  if (isSocket && ssl.mode !== undefined && ssl.mode !== 'disable') {
    problems.push(finding({ path: [...sslPath, 'mode'], value: ssl.mode, allowed: 'disable: PostgreSQL has no TLS on sockets' }));
  }
  if ((ssl.cert === undefined) !== (ssl.key === undefined)) {
    problems.push({
      path: sslPath,
      at: 'value',
      text: `found ${ssl.cert === undefined ? 'key without cert' : 'cert without key'} - allowed both or neither`,
    });
  }
  if (!isSocket && (ssl.mode === 'disable' || (ssl.ca === undefined && (ssl.mode ?? 'require') === 'require'))) {
    const text =
      ssl.mode === 'disable'
        ? 'the connection is not encrypted'
        : "the server's certificate is not checked; set ca, and mode: verify-full";
    warnings.push({ path: sslPath, at: 'key', text });
  }
  if (isSettings(connection.ssh)) {
    const sshPath = [...path, 'ssh'];
    problems.push(
      ...reference(connection.ssh.privateKey, [...sshPath, 'privateKey']),
      ...reference(connection.ssh.passphrase, [...sshPath, 'passphrase']),
    );
    if (isSocket)
      problems.push({ path: sshPath, at: 'key', text: 'found with a socket as host - allowed with a host name or address' });
    if (connection.ssh.hostKey === undefined) {
      warnings.push({
        path: sshPath,
        at: 'key',
        text: 'without hostKey no connection is made: the first attempt names the fingerprint to add',
      });
    }
  }
  return { problems, warnings };
}

function reference(value: unknown, path: SettingPath): readonly Finding[] {
  if (!isSettings(value)) return [];
  const problems = [...exactlyOne(value, ['env', 'file', 'secret'], path)];
  if (value.field !== undefined && value.secret === undefined) {
    problems.push({ path: [...path, 'field'], at: 'key', text: 'found without secret - allowed only with it' });
  }
  return problems;
}
