import { FIELD } from '../../../functions/engine/model/log-change.ts';
import type { LogChange, LogRelation, LogTransaction, LogTuple } from '../../../functions/engine/model/log-change.ts';
import type { Lsn } from '../../../functions/engine/model/lsn.ts';
import type { LogHandler } from '../../../functions/engine/source/log.ts';

/** A handler that keeps what it gets as text, and lets a test do something at its waits. */
export class LogCollector implements LogHandler {
  /** `insert public.t {"id":"1"}`, `truncate public.t`, in order, of committed transactions. */
  readonly changes: string[] = [];
  readonly commits: { readonly xid: string; readonly commitLsn: Lsn; readonly endLsn: Lsn }[] = [];
  readonly checkpoints: Lsn[] = [];
  /** Of the transaction that is open. */
  readonly open: string[] = [];
  drains = 0;
  readonly #onDrained: () => Promise<void> | void;
  readonly #onCheckpoint: (lsn: Lsn) => Promise<void>;

  constructor(on: { readonly drained?: () => Promise<void> | void; readonly checkpoint?: (lsn: Lsn) => Promise<void> } = {}) {
    this.#onDrained = on.drained ?? (() => undefined);
    this.#onCheckpoint = on.checkpoint ?? (() => Promise.resolve());
  }

  begin(): void {
    this.open.length = 0;
  }

  change({ kind, relation, row, old }: LogChange): void {
    const shown = kind === 'delete' ? old : row;
    this.open.push(
      `${kind} ${relation.schema}.${relation.table} ${shown === undefined ? '' : JSON.stringify(textsOf(relation, shown))}`,
    );
  }

  truncate(relations: readonly LogRelation[]): void {
    this.open.push(...relations.map((relation) => `truncate ${relation.schema}.${relation.table}`));
  }

  commit({ xid, commitLsn }: LogTransaction, endLsn: Lsn): void {
    for (const change of this.open.splice(0)) this.changes.push(change);
    this.commits.push({ xid, commitLsn, endLsn });
  }

  async drained(): Promise<void> {
    this.drains += 1;
    await this.#onDrained();
  }

  async checkpoint(lsn: Lsn): Promise<void> {
    this.checkpoints.push(lsn);
    await this.#onCheckpoint(lsn);
  }
}

function textsOf(relation: LogRelation, tuple: LogTuple): Record<string, string | null> {
  const texts: Record<string, string | null> = {};
  relation.columns.forEach((column, at) => {
    const field = tuple.fields[at];
    if (field === FIELD.null) texts[column.name] = null;
    if (field === FIELD.text) texts[column.name] = tuple.bytes.toString('utf8', tuple.starts[at], tuple.ends[at]);
  });
  return texts;
}
