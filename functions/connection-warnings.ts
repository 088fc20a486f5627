import { isIP } from 'node:net';
import type { ConnectionConfig } from './engine/config/config.ts';

/** What every plan and report says about a connection that works but should be safer. */
export function connectionWarnings({ host, ssl, ssh }: ConnectionConfig): readonly string[] {
  if (ssl.mode === 'require' && ssl.ca === undefined)
    return [
      "connection.ssl: the server's certificate is not checked; set ca (for Amazon RDS: rds), which makes the mode verify-full",
    ];
  if (ssl.mode === 'disable' && ssh === undefined && !isLocal(host))
    return ['connection.ssl: the connection is not encrypted; set mode'];
  return [];
}

/** A socket, or an address of this machine. */
function isLocal(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
