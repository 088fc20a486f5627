import { connect } from '../../../functions/engine/source/postgres/connection.ts';
import { discoverTables } from '../../../functions/engine/source/postgres/discover-tables.ts';
import { openDecoder } from '../../../functions/engine/source/postgres/log/open-decoder.ts';
import { pgoutputOptions } from '../../../functions/engine/source/postgres/log/pgoutput-options.ts';
import type { PluginOption } from '../../../functions/engine/source/postgres/log/pgoutput-options.ts';
import { wal2jsonOptions } from '../../../functions/engine/source/postgres/log/wal2json-options.ts';
import type { OutputPlugin } from '../../../functions/engine/model/log-change.ts';
import type { LogTable } from '../../../functions/engine/source/log.ts';
import { createDatabase } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { never, settingsFor } from '../support.ts';
import { feed, LogRecorder } from './decode-recorder.ts';
import { hasWal2json, logTables, openSlot } from './decode-slot.ts';
import type { SlotMessage, TestSlot } from './decode-slot.ts';

/** A plugin with one way of asking it. */
export interface Way {
  readonly name: string;
  readonly plugin: OutputPlugin;
  readonly since: number;
  readonly format: 1 | 2;
  readonly options: (tables: readonly LogTable[]) => readonly PluginOption[];
}

const PUBLICATION = 'Test "publication"';

/** Every plugin and format that the decoders read. */
const WAYS: readonly Way[] = [
  {
    name: 'pgoutput 1',
    plugin: 'pgoutput',
    since: 10,
    format: 1,
    options: () => pgoutputOptions({ protocol: 1, publications: [PUBLICATION] }),
  },
  {
    name: 'pgoutput 2',
    plugin: 'pgoutput',
    since: 14,
    format: 1,
    options: () => pgoutputOptions({ protocol: 2, publications: [PUBLICATION], streaming: 'on' }),
  },
  {
    name: 'wal2json 2',
    plugin: 'wal2json',
    since: 10,
    format: 2,
    options: (tables) => wal2jsonOptions({ format: 2, tables, numbers: 'bare', typeOids: 'wanted' }),
  },
  {
    name: 'wal2json 2 without types',
    plugin: 'wal2json',
    since: 10,
    format: 2,
    options: (tables) => wal2jsonOptions({ format: 2, tables, numbers: 'bare', typeOids: 'known' }),
  },
  {
    name: 'wal2json 1 in chunks',
    plugin: 'wal2json',
    since: 10,
    format: 1,
    options: (tables) => wal2jsonOptions({ format: 1, tables, numbers: 'bare', typeOids: 'wanted' }),
  },
  {
    name: 'wal2json 1 in chunks, without types',
    plugin: 'wal2json',
    since: 10,
    format: 1,
    options: (tables) => wal2jsonOptions({ format: 1, tables, numbers: 'bare', typeOids: 'known' }),
  },
  {
    name: 'wal2json 1 as one message',
    plugin: 'wal2json',
    since: 10,
    format: 1,
    options: (tables) =>
      wal2jsonOptions({ format: 1, tables, numbers: 'bare', typeOids: 'wanted' }).filter(([name]) => name !== 'write-in-chunks'),
  },
];

/** The only major that scripts/install-wal2json.mjs has a plugin for. */
const WAL2JSON_MAJOR = 15;

/** The ways that there are to read a major. */
export function waysOf(major: number): readonly Way[] {
  return WAYS.filter(({ plugin, since }) => (plugin === 'pgoutput' ? major >= since : major === WAL2JSON_MAJOR));
}

/** Whether what a way needs is installed here. */
export function isInstalled({ plugin }: Way, major: number): boolean {
  return plugin === 'pgoutput' || hasWal2json(major);
}

/** What the decoder of a way makes of messages. */
export async function decodeAs(way: Way, messages: readonly SlotMessage[], tables: readonly LogTable[]): Promise<LogRecorder> {
  const recorder = new LogRecorder();
  await using decoder =
    way.plugin === 'pgoutput'
      ? openDecoder({ plugin: 'pgoutput' })
      : openDecoder({ plugin: 'wal2json', format: way.format, tables, numbers: 'bare' });
  await feed(decoder, messages, recorder);
  return recorder;
}

/** A database whose log is read in one way. */
export interface LogDatabase extends AsyncDisposable {
  readonly database: TestDatabase;
  /** Runs statements one by one, each a transaction of its own unless it says otherwise. */
  run(...statements: readonly string[]): Promise<void>;
  tables(): Promise<readonly LogTable[]>;
  /** Messages since the last time. */
  take(settings?: string): Promise<readonly SlotMessage[]>;
  /** What the decoder makes of them, with the catalog as it is now. */
  decode(settings?: string): Promise<LogRecorder>;
}

export async function openLogDatabase(major: number, way: Way): Promise<LogDatabase> {
  const database = await createDatabase(major);
  // Decoding looks a publication up as it was at each change: it is there before the slot.
  await database.query(`create publication "Test ""publication""" for all tables`);
  const slot: TestSlot = await openSlot(database, way.plugin);
  const tables = async (): Promise<readonly LogTable[]> => {
    await using connection = await connect(settingsFor(database), never());
    return logTables(await discoverTables(connection, never()));
  };
  const take = async (settings?: string): Promise<readonly SlotMessage[]> => slot.take(way.options(await tables()), settings);
  return {
    database,
    run: async (...statements) => {
      for (const statement of statements) await database.query(statement);
    },
    tables,
    take,
    decode: async (settings) => {
      return decodeAs(way, await take(settings), await tables());
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
