import type { LoadingReport } from '../../functions/engine/model/report.ts';
import { openCloudWorkspace, startCloud } from '../e2e/support/cloud.ts';
import type { Cloud } from '../e2e/support/cloud.ts';
import type { DynamoRequest } from '../e2e/support/dynamo-gate.ts';
import { newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { startServer } from '../support/private-server.ts';
import type { TestWorkspace } from '../support/workspace.ts';

/** What a job asked for. */
export interface JobRequests {
  readonly report: LoadingReport;
  readonly dynamo: readonly DynamoRequest[];
  /** Requests by operation, without those for the extraction log. */
  readonly s3: Readonly<Record<string, number>>;
  /** SQL statements of all sessions. */
  readonly statements: readonly string[];
}

/** A server that logs every statement, an S3 and a DynamoDB, and jobs whose requests are counted. */
export interface CountedScene {
  readonly db: TestDatabase;
  readonly cloud: Cloud;
  readonly workspace: TestWorkspace;
  /** Runs one job and gives what it asked for. */
  readonly count: () => Promise<JobRequests>;
}

/** Opens a scene with an integration of these lines for as long as `use` takes; `prepare` makes its tables. */
export async function withScene(
  lines: (database: string) => readonly string[],
  prepare: (db: TestDatabase) => Promise<unknown>,
  use: (scene: CountedScene) => Promise<void>,
): Promise<void> {
  await using server = await startServer(newestMajor, { conf: { log_statement: 'all' } });
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await prepare(db);
  await using cloud = await startCloud();
  await using workspace = await openCloudWorkspace(cloud, db, { lines: lines(db.database) });
  const count = async (): Promise<JobRequests> => {
    cloud.dynamo.clear();
    cloud.s3.requests.clear();
    const logged = (await server.log()).length;
    const report = await workspace.run();
    const log = (await server.log()).slice(logged);
    return {
      report,
      dynamo: cloud.dynamo.requests,
      s3: s3ByOperation(cloud),
      statements: log.match(/LOG: {2}(statement|execute [^:]*):.*/g) ?? [],
    };
  };
  await use({ db, cloud, workspace, count });
}

/** Requests to S3 by operation. Without the extraction log, which a slow job writes in more pieces than a fast one. */
export function s3ByOperation({ s3 }: Pick<Cloud, 's3'>): Readonly<Record<string, number>> {
  return counted(s3.requests.all.flatMap(({ operation, key }) => (key.includes('/_logs/') ? [] : [operation])));
}

/** Requests to DynamoDB by operation and kind of item. Without the lease and the stop request: they are asked for as time goes by. */
export function dynamoByKind(requests: readonly DynamoRequest[]): Readonly<Record<string, number>> {
  return counted(
    requests.flatMap(({ operation, item }) => {
      const kind = item === undefined ? '' : (/^doc#\w+|^\w+/.exec(item)?.[0] ?? item);
      return /^(lease|control)$/.test(kind) ? [] : [`${operation} ${kind}`.trim()];
    }),
  );
}

function counted(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Makes `t1` to `t<count>`, each with one row that is older than any look-back. */
export async function createTables(db: TestDatabase, count: number): Promise<void> {
  await db.query(`
    do $$ begin
      for t in 1 .. ${String(count)} loop
        execute format('create table t%s (id int primary key, updated_at timestamptz not null default now() - interval ''1 hour'')', t);
        execute format('insert into t%s values (1)', t);
      end loop;
    end $$`);
}
