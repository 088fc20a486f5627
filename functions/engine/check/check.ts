import type { DestinationConfig, IntegrationConfig, StateConfig } from '../config/config.ts';
import type { LedgerStore } from '../ledger/store.ts';
import type { Catalog } from '../model/catalog.ts';
import { ReplicationError, asUnexpected } from '../model/errors.ts';
import { streamId } from '../model/stream.ts';
import { select } from '../plan/select.ts';
import type { SelectedStream, Selection } from '../plan/select.ts';
import type { Sink } from '../sink/sink.ts';
import { hasZstd } from '../sink/zstd-format.ts';
import type { SourceFacts } from '../source/check-facts.ts';
import type { Source } from '../source/source.ts';
import { connectionFinding, transportFindings } from './connection-findings.ts';
import { inOrder } from './finding.ts';
import type { CheckReport, Finding } from './finding.ts';
import { logFindings } from './log-findings.ts';
import { logDatabases } from './log-plan.ts';
import { guessedName } from './names.ts';
import { privilegeFindings, unreadableNames } from './privilege-findings.ts';
import { publicationFindings } from './publication-findings.ts';
import { serverFindings } from './server-findings.ts';
import { compressionFindings, destinationFinding, stateFinding } from './store-findings.ts';
import { selectionFindings, streamFindings } from './stream-findings.ts';

/** What is checked, and how to get at it; what cannot be opened is a finding too. */
export interface CheckParts {
  readonly integration: IntegrationConfig;
  readonly destination: DestinationConfig;
  readonly state: StateConfig;
  readonly openSource: () => Promise<Source>;
  readonly openSink: () => Promise<Sink>;
  readonly openStore: () => Promise<LedgerStore>;
}

/** One pass over everything that can stop a job or hurt the source. Writes nothing to the source, and leaves nothing behind anywhere. Throws only `signal.reason` and defects. */
export async function check(parts: CheckParts, signal: AbortSignal): Promise<CheckReport> {
  const [source, destination, state] = await Promise.all([
    checkSource(parts, signal),
    checkDestination(parts, signal),
    checkState(parts, signal),
  ]);
  const findings = inOrder([...source.findings, ...destination, ...state]);
  return {
    integration: parts.integration.name,
    ok: findings.every(({ severity }) => severity !== 'error'),
    server: source.server,
    streams: source.streams,
    findings,
  };
}

type SourceCheck = Pick<CheckReport, 'server' | 'streams' | 'findings'>;

async function checkSource(parts: CheckParts, signal: AbortSignal): Promise<SourceCheck> {
  const { integration, destination } = parts;
  const keyColumns = [
    ...new Set(
      integration.tables.flatMap((table) => (table.selected && table.replicationKey !== undefined ? [table.replicationKey] : [])),
    ),
  ];
  try {
    await using source = await parts.openSource();
    const facts = await source.inspect({ keyColumns }, signal);
    const catalog = await discovered(source, facts, signal);
    const selection = select(catalog, integration, { profile: destination.profile });
    return judge({ facts, selection, integration });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ReplicationError)) throw error;
    return {
      server: null,
      streams: NO_STREAMS,
      findings: [connectionFinding(asUnexpected(error), integration), ...transportFindings(integration)],
    };
  }
}

const NO_STREAMS: CheckReport['streams'] = { FULL_TABLE: 0, INCREMENTAL: 0, LOG_BASED: 0 };

/** Where no table may be read at all there is no catalog; the facts say which there are. */
async function discovered(source: Source, facts: SourceFacts, signal: AbortSignal): Promise<Catalog> {
  try {
    return await source.discover(signal);
  } catch (error) {
    if (!(error instanceof ReplicationError) || (error.code !== 'nothing-discovered' && error.code !== 'database-missing'))
      throw error;
    const databases = facts.databases.map((database) =>
      database.state === 'read' ? { state: 'read' as const, name: database.name, tables: [] } : database,
    );
    return { server: facts.server, databases, at: new Date(0).toISOString() };
  }
}

/** Everything that facts and configuration say together. Pure. */
export function judge(given: {
  readonly facts: SourceFacts;
  readonly selection: Selection;
  readonly integration: IntegrationConfig;
}): SourceCheck {
  const { facts, selection, integration } = given;
  const { server } = facts;
  const { host, port } = integration.connection;
  const address = `${host}:${String(port)}`;
  const log = logDatabases(facts, selection.streams, integration);
  const methods = methodsMeant(selection.streams, integration);
  const privileges = privilegeFindings(facts, integration);
  const findings = [
    ...transportFindings(integration),
    ...serverFindings({ server, address, methods, connections: integration.connections }),
    ...privileges,
    ...selectionFindings(selection, explained(facts, integration, privileges), integration.name),
    ...(methods.has('LOG_BASED') ? logFindings({ server, address, integration, databases: log }) : []),
    ...publicationFindings(server, log),
    ...streamFindings(facts, selection.streams, log),
  ];
  const count = (method: SelectedStream['method']): number =>
    selection.streams.filter((stream) => stream.method === method).length;
  return {
    server: { version: server.versionText, flavour: server.flavour, inRecovery: server.inRecovery },
    streams: { FULL_TABLE: count('FULL_TABLE'), INCREMENTAL: count('INCREMENTAL'), LOG_BASED: count('LOG_BASED') },
    findings,
  };
}

/** Also of tables that cannot be read yet: their method will need the same. */
function methodsMeant(streams: readonly SelectedStream[], integration: IntegrationConfig): ReadonlySet<SelectedStream['method']> {
  const named = integration.tables.flatMap((table) => (table.selected ? [table.method] : []));
  return new Set([...named, ...streams.map(({ method }) => method)]);
}

/** Streams, by the ids that a selection gives them, of which a finding says what the role may not read. */
function explained(facts: SourceFacts, integration: IntegrationConfig, privileges: readonly Finding[]): ReadonlySet<string> {
  const texts = unreadableNames(facts, integration);
  const away = new Set(facts.databases.filter(({ state }) => state === 'unreachable').map(({ name }) => name));
  const named = integration.tables.filter(
    (table) => texts.has(table.text) || away.has(guessedName(table.name, integration).database),
  );
  return new Set([
    ...named.map((table) => streamId(guessedName(table.name, integration))),
    ...privileges.filter(({ code }) => code === 'column-select-missing').map(({ where }) => where),
  ]);
}

async function checkDestination({ destination, state, openSink }: CheckParts, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    await using sink = await openSink();
    await sink.check(signal);
    await sink.read(NO_SUCH_KEY, signal);
    for await (const _ of sink.list(NO_SUCH_KEY, signal)) break;
    return compressionFindings(destination, state, { hasZstd: hasZstd(), node: process.versions.node });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ReplicationError)) throw error;
    return [destinationFinding(asUnexpected(error), destination)];
  }
}

async function checkState({ state, openStore }: CheckParts, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    await using store = await openStore();
    await store.check(signal);
    return [];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ReplicationError)) throw error;
    return [stateFinding(asUnexpected(error), state)];
  }
}

/** Begins with `_`, as everything beside tables. */
const NO_SUCH_KEY = '_check/none';
