import { loadConfigText } from '../../functions/engine/config/load.ts';
import type { IntegrationConfig } from '../../functions/engine/config/config.ts';
import { select } from '../../functions/engine/plan/select.ts';
import { judge } from '../../functions/engine/check/check.ts';
import type { Finding } from '../../functions/engine/check/finding.ts';
import type {
  ReadDatabase,
  RelationFacts,
  ServerFacts,
  SlotSummary,
  SourceFacts,
} from '../../functions/engine/source/check-facts.ts';
import type { Column, Table } from '../../functions/engine/model/catalog.ts';

/** An integration of the database `shop` at a name that is not local; `lines` are what follows its connection. */
export function integrationOf(
  lines: readonly string[],
  connection = 'databases: [shop], ssl: { mode: verify-full, ca: rds }',
): IntegrationConfig {
  const text = [
    'destination: { url: "s3://bucket/prefix" }',
    'state: { url: "dynamodb://state" }',
    'integrations:',
    '  - name: shop',
    `    connection: { host: db.internal, database: shop, user: reader, password: { env: P }, ${connection} }`,
    ...lines.map((line) => `    ${line}`),
  ].join('\n');
  const [integration] = loadConfigText(text, '/tmp/backstitch.yaml').config.integrations;
  if (integration === undefined) throw new Error('no integration');
  return integration;
}

/** A server on which nothing is wrong. */
export function serverFacts(changes: Partial<ServerFacts> = {}): ServerFacts {
  return {
    version: 180_004,
    versionText: '18.4',
    inRecovery: false,
    flavour: 'self-hosted',
    isPooled: false,
    settings: {
      wal_level: { value: 'logical', unit: null },
      max_replication_slots: { value: '10', unit: null },
      max_wal_senders: { value: '10', unit: null },
      max_slot_wal_keep_size: { value: '51200', unit: 'MB' },
    },
    role: {
      name: 'reader',
      isSuperuser: false,
      hasReplication: true,
      hasRdsReplication: false,
      readsAllStats: true,
      readsAllData: false,
      connectionLimit: -1,
    },
    slots: [],
    senders: 0,
    transactions: {
      oldestSeconds: null,
      oldestPid: null,
      hidden: 0,
      prepared: 0,
      oldestPreparedSeconds: null,
      oldestPreparedGid: null,
    },
    clockSkewMs: 0,
    roundTripMs: 1,
    ...changes,
  };
}

/** A slot that is ready to be read. */
export function slotFacts(changes: Partial<SlotSummary> = {}): SlotSummary {
  return {
    name: 'backstitch_shop',
    kind: 'logical',
    plugin: 'pgoutput',
    database: 'shop',
    isActive: false,
    isTemporary: false,
    isSynced: false,
    walStatus: 'reserved',
    invalidationReason: null,
    retainedBytes: 1000n,
    safeBytes: 50_000_000_000n,
    ...changes,
  };
}

/** The table `public.orders`, on which nothing is wrong. */
export function relationFacts(changes: Partial<RelationFacts> = {}): RelationFacts {
  return {
    schema: 'public',
    table: 'orders',
    oid: 1,
    kind: 'table',
    isPartition: false,
    isUnlogged: false,
    isOwned: false,
    mayUseSchema: true,
    maySelect: true,
    unreadable: [],
    maySelectAny: true,
    hidesRows: false,
    primaryKey: ['id'],
    replicaIdentity: 'default',
    hasIdentity: true,
    leaves: [],
    indexed: ['id', 'at'],
    ...changes,
  };
}

export function databaseFacts(changes: Partial<ReadDatabase> = {}): ReadDatabase {
  return {
    state: 'read',
    name: 'shop',
    encoding: 'UTF8',
    mayCreate: false,
    relations: [relationFacts()],
    publications: [
      {
        name: 'backstitch_shop',
        allTables: false,
        publishes: { insert: true, update: true, delete: true, truncate: true },
        isOwned: false,
        tables: [{ schema: 'public', table: 'orders' }],
      },
    ],
    closedOwners: [],
    nullKeys: [],
    ...changes,
  };
}

/** What is found where the catalog shows what the facts let the role read. */
export function findingsOf(given: {
  readonly server?: Partial<ServerFacts>;
  readonly database?: Partial<ReadDatabase>;
  readonly integration: IntegrationConfig;
  readonly nullable?: boolean;
}): readonly Finding[] {
  const database = databaseFacts(given.database);
  const facts: SourceFacts = { server: serverFacts(given.server), databases: [database] };
  const tables = database.relations
    .filter((relation) => relation.mayUseSchema && relation.maySelectAny)
    .map((relation) => tableOf(relation, given.nullable === true));
  const catalog = {
    server: facts.server,
    databases: [{ state: 'read' as const, name: 'shop', tables }],
    at: '2026-11-22T08:12:00Z',
  };
  const { integration } = given;
  return judge({ facts, selection: select(catalog, integration), integration }).findings;
}

function tableOf(relation: RelationFacts, nullable: boolean): Table {
  const column = (name: string, position: number, type: Column['type'], sqlType: string, toastable: boolean): Column => ({
    name,
    position,
    type,
    sqlType,
    nullable: nullable && name !== 'id',
    generated: 'no',
    identity: false,
    toastable,
  });
  const columns = [
    column('id', 1, { kind: 'number', name: 'int4' }, 'integer', false),
    column('at', 2, { kind: 'timestamptz', name: 'timestamptz' }, 'timestamp with time zone', false),
    column('note', 3, { kind: 'text', name: 'text' }, 'text', true),
  ];
  return {
    name: { database: 'shop', schema: relation.schema, table: relation.table },
    oid: relation.oid,
    kind: relation.kind,
    columns: columns.filter(({ name }) => !relation.unreadable.includes(name)),
    primaryKey: relation.primaryKey,
    replicaIdentity: relation.replicaIdentity,
    bytes: 0,
    storage: [],
    rowSecurity: relation.hidesRows,
  };
}
