import { setTimeout as delay } from 'node:timers/promises';
import { hasWal2json } from '../test/support/wal2json.ts';
import { withServerCpu } from './bench-case.ts';
import type { BenchCase, BenchGroup, Sample } from './bench-case.ts';
import { createLogged, fillGiant, makeChanges, updateGiant } from './data.ts';
import type { Sizes } from './data.ts';
import type { EngineJob } from './engine-run.ts';
import { freshSlot, prepareSlot, readSlot, RUN_SLOT } from './log-slot.ts';
import type { Plugin } from './log-slot.ts';
import { measureShell } from './process-facts.ts';
import { DATABASE, openBenchServer } from './server.ts';
import type { BenchServer } from './server.ts';

const TABLES = ['logged'] as const;
const OPTIONS = {
  pgoutput: `-o proto_version=1 -o publication_names=${RUN_SLOT}`,
  wal2json: '-o format-version=2 -o include-lsn=true -o include-timestamp=true -o include-xids=true -o include-types=false',
} as const;
const POLL_MS = 20;

/** Opens the server with a million logged changes, and the cases. `folder` keeps its data and slots. */
export async function openLog(folder: string, sizes: Sizes): Promise<BenchGroup> {
  const plugins: readonly Plugin[] = hasWal2json() ? ['pgoutput', 'wal2json'] : ['pgoutput'];
  if (!hasWal2json()) console.error('wal2json is not installed, so it is not measured: node scripts/install-wal2json.mjs');
  const server = await openBenchServer(folder, async (fresh) => {
    await createLogged(fresh);
    for (const plugin of plugins) await prepareSlot(fresh, { folder, plugin, tables: TABLES });
    await makeChanges(fresh, sizes);
  });
  const { changes } = sizes;
  const ours = (plugin: Plugin, compression: EngineJob['compression'], atLeast: number): BenchCase => ({
    name: `ours, ${plugin}, ${compression === 'none' ? 'no compression' : 'gzip-1'}`,
    side: 'ours',
    targets: [{ of: `pg_recvlogical ${plugin}`, atLeast }],
    run: () => runOurs(server, { folder, plugin, compression, changes }),
  });
  return {
    title: `Log, ${changes.toLocaleString('en')} changes in transactions of 100`,
    cases: plugins.flatMap((plugin) => [
      recvlogicalCase(server, plugin, changes),
      ours(plugin, 'none', plugin === 'pgoutput' ? 1.5 : 1.2),
      ...(plugin === 'pgoutput' ? [ours(plugin, 'gzip', 1.3)] : []),
    ]),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Opens the server with one huge transaction in its log, and the cases. */
export async function openGiant(folder: string, sizes: Sizes): Promise<BenchGroup> {
  const server = await openBenchServer(folder, async (fresh) => {
    await createLogged(fresh);
    await fillGiant(fresh, sizes);
    await prepareSlot(fresh, { folder, plugin: 'pgoutput', tables: TABLES });
    await updateGiant(fresh);
  });
  const changes = sizes.giantRows;
  return {
    title: `Log, one transaction of ${changes.toLocaleString('en')} updates`,
    cases: [
      recvlogicalCase(server, 'pgoutput', changes),
      {
        name: 'ours, pgoutput, no compression',
        side: 'ours',
        targets: [],
        run: async () => {
          const ended = new AbortController();
          const watched = watchDecoding(server, ended.signal);
          // Where the job fails first, that is what is told.
          watched.catch(() => undefined);
          try {
            const sample = await runOurs(server, { folder, plugin: 'pgoutput', compression: 'none', changes });
            ended.abort();
            return { ...sample, ...(await watched) };
          } finally {
            ended.abort();
          }
        },
      },
    ],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function runOurs(
  server: BenchServer,
  {
    folder,
    plugin,
    compression,
    changes,
  }: {
    readonly folder: string;
    readonly plugin: Plugin;
    readonly compression: EngineJob['compression'];
    readonly changes: number;
  },
): Promise<Sample> {
  await freshSlot(server, plugin);
  return withServerCpu(server, () => readSlot(server, { folder, plugin, compression, changes, tables: TABLES }));
}

function recvlogicalCase(server: BenchServer, plugin: Plugin, changes: number): BenchCase {
  return {
    name: `pg_recvlogical ${plugin}`,
    side: 'limit',
    targets: [],
    run: async () => {
      await freshSlot(server, plugin);
      const [end] = await server.query('select pg_current_wal_flush_lsn()::text as lsn');
      const connection = `-h ${server.host} -p ${server.port} -U postgres -d ${DATABASE}`;
      const command = `pg_recvlogical ${connection} --slot ${RUN_SLOT} --start --no-loop -f /dev/null --endpos=${end?.['lsn'] ?? ''} ${OPTIONS[plugin]}`;
      return { ...(await withServerCpu(server, () => measureShell(command))), rows: changes, jsonMb: 0 };
    },
  };
}

/** Until the first change of a huge transaction. */
const MOST_FIRST_MS = 1_000;

/** When the server first sent a part of the transaction, counted from the moment that the slot was taken, and what it had to put on its disk. */
async function watchDecoding(server: BenchServer, ended: AbortSignal): Promise<Pick<Sample, 'note' | 'missed'>> {
  const look = async (): Promise<{ readonly streamed: bigint; readonly spilled: bigint; readonly isActive: boolean }> => {
    const [row] = await server.query(
      `select coalesce(t.stream_bytes, 0)::text as streamed, coalesce(t.spill_bytes, 0)::text as spilled, s.active::text as active
       from pg_replication_slots s left join pg_stat_replication_slots t using (slot_name) where s.slot_name = '${RUN_SLOT}'`,
    );
    return {
      streamed: BigInt(row?.['streamed'] ?? 0),
      spilled: BigInt(row?.['spilled'] ?? 0),
      isActive: row?.['active'] === 'true',
    };
  };
  let takenAt: number | undefined;
  let firstMs: number | undefined;
  while (!ended.aborted && firstMs === undefined) {
    const { streamed, isActive } = await look();
    if (isActive) takenAt ??= performance.now();
    if (takenAt !== undefined && streamed > 0n) firstMs = performance.now() - takenAt;
    await delay(POLL_MS);
  }
  await new Promise<void>((resolve) => {
    if (ended.aborted) resolve();
    ended.addEventListener('abort', () => resolve(), { once: true });
  });
  const { spilled } = await look();
  const first =
    firstMs === undefined
      ? 'the transaction was not streamed'
      : `first part of the transaction sent after ${Math.round(firstMs)} ms`;
  const note = `${first}, ${spilled} bytes spilled on the server`;
  return firstMs !== undefined && firstMs < MOST_FIRST_MS && spilled === 0n ? { note } : { note, missed: note };
}
