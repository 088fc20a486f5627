import type { ErrorSpec } from './error-spec.ts';

/** Errors on the way to a PostgreSQL server. In the order of a job. */
export const CONNECTION_ERRORS = {
  'host-unreachable': {
    summary: 'PostgreSQL at {host}:{port} cannot be reached: {reason}.',
    remedy:
      'Check host and port, the security group or firewall between here and there, and that the server listens on that address (listen_addresses).',
    retry: 'next-run',
  },
  'login-failed': {
    summary: 'PostgreSQL at {host}:{port} refused the login of user "{user}" ({sqlstate}).',
    remedy: 'Check user and password, and the pg_hba.conf line that matches this client.',
    retry: 'after-fix',
  },
  'database-missing': {
    summary: 'There is no database "{database}" at {host}:{port}, or "{user}" may not connect to it ({sqlstate}).',
    remedy: 'Correct connection.database, or run: GRANT CONNECT ON DATABASE "{database}" TO "{user}";',
    retry: 'after-fix',
  },
  'server-not-ready': {
    summary: 'PostgreSQL at {host}:{port} is starting up, shutting down or in recovery ({sqlstate}).',
    remedy: 'Nothing to do if it is restarting: the next run tries again. Otherwise look into the server log.',
    retry: 'next-run',
  },
  'too-many-connections': {
    summary: 'PostgreSQL at {host}:{port} has no connection left ({sqlstate}).',
    remedy: 'Lower "connections" of the integration, or raise max_connections on the server.',
    retry: 'next-run',
  },
  'connection-lost': {
    summary: 'The connection to PostgreSQL at {host}:{port} was lost ({reason}).',
    remedy: 'The next run continues from the last checkpoint; if it repeats, look into the server log and at network timeouts.',
    retry: 'next-run',
  },
  'tls-failed': {
    summary: 'TLS to PostgreSQL at {host}:{port} failed: {reason}.',
    remedy: 'Check connection.ssl: mode, and ca for a server whose certificate a private authority signed.',
    retry: 'after-fix',
  },
  'ssh-key-unreadable': {
    summary: 'The private key for SSH to {user}@{host} cannot be used: {reason}.',
    remedy: 'Correct connection.ssh.privateKey and passphrase; a new key pair is made with: backstitch ssh-key --file <path>',
    retry: 'after-fix',
  },
  'ssh-unreachable': {
    summary: 'The SSH server {host}:{port} cannot be reached: {reason}.',
    remedy: 'Check connection.ssh.host and port, and the security group or firewall between here and there.',
    retry: 'next-run',
  },
  'ssh-handshake-failed': {
    summary: 'SSH to {host}:{port} failed before the login: {reason}.',
    remedy: 'Check that connection.ssh.port is that of an SSH server, its algorithms, and its MaxStartups; its log says more.',
    retry: 'next-run',
  },
  'ssh-host-key-unknown': {
    summary: 'The SSH server {host}:{port} shows a host key that nobody has confirmed: {fingerprint} ({type}).',
    remedy:
      'Compare it with what "ssh-keygen -lf" prints there for the files /etc/ssh/ssh_host_*_key.pub; if it is one of them, set connection.ssh.hostKey: "{fingerprint}"',
    retry: 'after-fix',
  },
  'ssh-host-key-changed': {
    summary:
      'The SSH server {host}:{port} shows the host key {fingerprint} ({type}), which is none of those in connection.ssh.hostKey.',
    remedy:
      'Somebody may be in between. Only if the administrator of the server confirms that its key was changed, set connection.ssh.hostKey: "{fingerprint}"',
    retry: 'after-fix',
  },
  'ssh-login-failed': {
    summary: 'The SSH server {host}:{port} refused the key of user "{user}".',
    remedy:
      'Check the user, and add this line to ~/.ssh/authorized_keys there (the file and its folder writable by that user alone): {publicLine}',
    retry: 'after-fix',
  },
  'ssh-forwarding-refused': {
    summary: 'The SSH server {host}:{port} refuses to forward connections to {target}: {reason}.',
    remedy:
      'In its sshd_config set AllowTcpForwarding local, and PermitOpen {target} if it has PermitOpen; look for restrict and no-port-forwarding in authorized_keys.',
    retry: 'after-fix',
  },
  'iam-region-unknown': {
    summary: 'The AWS region of {host} is not known, so no token can be made for IAM database authentication.',
    remedy: 'Set connection.host to the endpoint that RDS gives (name.id.region.rds.amazonaws.com), or set AWS_REGION.',
    retry: 'after-fix',
  },
  'iam-token-failed': {
    summary: 'No token for IAM database authentication of "{user}" at {host} can be made ({reason}).',
    remedy:
      'Give this process AWS credentials with rds-db:connect on the database user (a role, a profile, or AWS_ACCESS_KEY_ID).',
    retry: 'after-fix',
  },
  'pooler-in-the-way': {
    summary: 'Log-based replication needs a direct connection, but a connection pooler answers at {host}:{port}.',
    remedy:
      'Set connection.host and port to the PostgreSQL server itself instead of PgBouncer or RDS Proxy, or use FULL_TABLE or INCREMENTAL.',
    retry: 'after-fix',
  },
  'server-too-old': {
    summary: 'PostgreSQL {version} is older than 9.3.',
    remedy: 'Backstitch reads PostgreSQL 9.3 and newer.',
    retry: 'never',
  },
  'nothing-discovered': {
    summary: 'No table was found in {databases} that "{user}" may read.',
    remedy: 'Run: GRANT USAGE ON SCHEMA ... TO "{user}"; GRANT SELECT ON TABLE ... TO "{user}"; in each database.',
    retry: 'after-fix',
  },
  'primary-needed': {
    summary: '{what} needs the primary server, but {host}:{port} is in recovery (a replica).',
    remedy: 'Point connection.host to the primary (on Aurora the writer endpoint).',
    retry: 'after-fix',
  },
} as const satisfies Record<string, ErrorSpec>;
