import type { ErrorCode } from '../../../model/error-codes.ts';
import { ReplicationError } from '../../../model/errors.ts';
import { dial, givePassword } from '../connection.ts';
import type { ConnectionSettings } from '../connection.ts';
import { Link } from '../link.ts';
import { VALUE_SETTINGS } from '../session-settings.ts';
import { sqlstateOf } from './database-error.ts';
import type { LogDialect } from './log-dialect.ts';
import type { LogSettings } from './log-settings.ts';

/** Where the server itself would wait for a vanished client for ever, it waits this long for ours. */
const SENDER_TIMEOUT = '60s';

/**
 * Opens a session of the replication protocol in one database, whose output functions write values as in every other session. Throws `replication-right-missing`,
 * `senders-exhausted`, `stream-refused`, or what connecting throws.
 */
export async function openWalsender(
  settings: ConnectionSettings,
  server: {
    readonly dialect: Pick<LogDialect, 'hasSessionSenderTimeout'>;
    readonly log: Pick<LogSettings, 'senderTimeoutMs' | 'maxSenders'>;
  },
  signal: AbortSignal,
): Promise<Link> {
  const needsTimeout = server.log.senderTimeoutMs === 0 && server.dialect.hasSessionSenderTimeout;
  const parameters = {
    ...VALUE_SETTINGS,
    statement_timeout: '0',
    tcp_keepalives_idle: '60',
    tcp_keepalives_interval: '15',
    ...(needsTimeout ? { wal_sender_timeout: SENDER_TIMEOUT } : {}),
  };
  try {
    return await dial(
      settings,
      async (fresh, stream, attempt) => {
        const link = new Link({ ...fresh, password: () => givePassword(fresh), replication: { parameters } }, stream);
        await link.login(attempt);
        await identify(link, settings, attempt);
        return link;
      },
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    throw refusal(error, settings, server.log.maxSenders);
  }
}

/** A pooler that leaves out what it does not know may have opened an ordinary session, or one without a database. */
async function identify(link: Link, { endpoint }: ConnectionSettings, signal: AbortSignal): Promise<void> {
  const [row] = await link.query<{ readonly dbname: string | null }>('IDENTIFY_SYSTEM', [], signal, { phase: 'connect' });
  // 9.3 has no such column, and no logical decoding.
  if (row?.dbname === undefined || row.dbname === null) {
    throw new ReplicationError('stream-refused', { ...endpoint, reason: 'the session is not one of logical replication' });
  }
}

/** Not of replication, though a server answered: a password that was changed since the last connection (28P01), a server that starts or stops. */
const PLAIN: ReadonlySet<string> = new Set(['28P01', '57P01', '57P02', '57P03']);

/** What a pooler does that does not understand the wish: it hangs up, or speaks as if it had understood another. */
const UNANSWERED: ReadonlySet<string> = new Set<ErrorCode>(['connection-lost', 'protocol-violation']);

/** A failure to open such a session: what hinders every connection keeps its own code, the rest says why this one cannot be. */
function refusal(error: unknown, { endpoint }: ConnectionSettings, maxSenders: number): unknown {
  if (!(error instanceof ReplicationError)) return error;
  const code: ErrorCode = error.code as ErrorCode;
  const sqlstate = sqlstateOf(error);
  switch (sqlstate) {
    case undefined:
      return UNANSWERED.has(code)
        ? new ReplicationError('stream-refused', { ...endpoint, reason: code }, { cause: error })
        : error;
    case '42501': // must be superuser or replication role to start walsender
      return new ReplicationError('replication-right-missing', { user: endpoint.user, sqlstate }, { cause: error });
    case '53300': // number of requested standby connections exceeds max_wal_senders
      return new ReplicationError('senders-exhausted', { ...endpoint, sqlstate, max: maxSenders }, { cause: error });
    default:
      return PLAIN.has(sqlstate)
        ? error
        : new ReplicationError('stream-refused', { ...endpoint, reason: sqlstate }, { cause: error });
  }
}
