import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplicationError } from '../../../functions/engine/model/errors.ts';
import type { LogDecoder } from '../../../functions/engine/source/postgres/log/decoder.ts';
import { openDecoder } from '../../../functions/engine/source/postgres/log/open-decoder.ts';
import { lsn, pgoutput, UNSENT } from './decode-messages.ts';
import { feed, LogRecorder } from './decode-recorder.ts';

const RUNS = 1_000;
const OID = 77;
const RELATION = {
  oid: OID,
  table: 't',
  columns: [
    ['id', 23, 'key'],
    ['note', 25],
    ['bytes', 17],
  ],
} as const;
const HEAD = `"xid":7,"nextlsn":"0/41A","timestamp":"2020-02-03 04:05:06.789+00"`;
const NAMES = `"schema":"public","table":"t"`;
const COLUMNS = `[{"name":"id","typeoid":23,"value":1},{"name":"note","typeoid":25,"value":"a \\"b\\" \\u00e9 \\n"},{"name":"bytes","typeoid":17,"value":"00ff"}]`;
const IDENTITY = `[{"name":"id","typeoid":23,"value":2}]`;
const ROW_1 = `"columnnames":["id","note"],"columntypeoids":[23,25],"columnvalues":[1,"a \\"b\\" \\u00e9 \\n"]`;
const KEYS_1 = `"oldkeys":{"keynames":["id"],"keytypeoids":[23],"keyvalues":[2]}`;

interface Subject {
  readonly name: string;
  readonly open: () => LogDecoder;
  readonly messages: readonly Buffer[];
}

const SUBJECTS: readonly Subject[] = [
  {
    name: 'pgoutput',
    open: () => openDecoder({ plugin: 'pgoutput', spoolMemoryBytes: 100 }),
    messages: [
      pgoutput.begin({ commitLsn: 1000n, xid: 7 }),
      pgoutput.relation(RELATION),
      pgoutput.insert(OID, ['1', 'a text', null]),
      pgoutput.update(OID, ['1', UNSENT, '\\x00'], ['K', ['2', null, null]]),
      pgoutput.update(OID, ['1', UNSENT, '\\x00'], ['O', ['2', '', null]]),
      pgoutput.delete(OID, 'K', ['1', null, null]),
      pgoutput.truncate([OID]),
      pgoutput.commit({ commitLsn: 1000n, endLsn: 1050n }),
      pgoutput.streamStart(9, true),
      pgoutput.relation(RELATION, 9),
      pgoutput.insert(OID, ['1', 'a text', null], 9),
      pgoutput.update(OID, ['1', UNSENT, '\\x00'], ['K', ['2', null, null]], 10),
      pgoutput.streamStop(),
      pgoutput.streamAbort(9, 10),
      pgoutput.streamStart(9, false),
      pgoutput.delete(OID, 'O', ['1', '', null], 9),
      pgoutput.streamStop(),
      pgoutput.streamCommit({ xid: 9, commitLsn: 2000n, endLsn: 2050n }),
    ],
  },
  {
    name: 'wal2json 2',
    open: () => openDecoder({ plugin: 'wal2json', format: 2, tables: [], numbers: 'bare' }),
    messages: [
      `{"action":"B",${HEAD},"lsn":"0/3E8"}`,
      `{"action":"I",${HEAD},"lsn":"0/1",${NAMES},"columns":${COLUMNS}}`,
      `{"action":"U",${HEAD},"lsn":"0/1",${NAMES},"columns":${COLUMNS},"identity":${IDENTITY}}`,
      `{"action":"D",${HEAD},"lsn":"0/1",${NAMES},"identity":${IDENTITY}}`,
      `{"action":"T",${HEAD},"lsn":"0/1",${NAMES}}`,
      `{"action":"C",${HEAD},"lsn":"0/3E8"}`,
    ].map((text) => Buffer.from(text)),
  },
  ...(['chunks', 'one message'] as const).map((form): Subject => {
    const changes = [
      `{"kind":"insert",${NAMES},${ROW_1}}`,
      `{"kind":"update",${NAMES},${ROW_1},${KEYS_1}}`,
      `{"kind":"delete",${NAMES},${KEYS_1}}`,
    ];
    const messages =
      form === 'chunks'
        ? [`{${HEAD},"change":[`, ...changes.map((change, index) => (index === 0 ? change : `,${change}`)), ']}']
        : [`{${HEAD},"change":[${changes.join(',')}]}`];
    return {
      name: `wal2json 1 as ${form}`,
      open: () => openDecoder({ plugin: 'wal2json', format: 1, tables: [], numbers: 'bare' }),
      messages: messages.map((text) => Buffer.from(text)),
    };
  }),
];

/** What a decoder makes of messages up to an error, which must be its own. */
async function outcome(
  subject: Subject,
  messages: readonly Buffer[],
): Promise<{ readonly recorder: LogRecorder; readonly failed: boolean }> {
  const recorder = new LogRecorder();
  await using decoder = subject.open();
  try {
    await feed(
      decoder,
      messages.map((data, index) => ({ lsn: lsn(100 + index), data })),
      recorder,
    );
    return { recorder, failed: false };
  } catch (error) {
    // Anything else is a crash: a RangeError, a value outside of its bytes, a change outside of its transaction.
    if (!(error instanceof ReplicationError) || error.code !== 'log-unreadable') throw error;
    return { recorder, failed: true };
  }
}

describe.each(SUBJECTS)('$name', (subject) => {
  const { messages } = subject;
  const changesOf = ({ transactions }: LogRecorder): readonly unknown[] => transactions.flatMap(({ changes }) => changes);

  it('reads its messages', async () => {
    const { recorder, failed } = await outcome(subject, messages);

    expect(failed).toBe(false);
    expect(changesOf(recorder).length).toBeGreaterThanOrEqual(3);
  });

  it('a message that is cut off anywhere is an error, and what came before it is right', async () => {
    const whole = changesOf((await outcome(subject, messages)).recorder);
    // Streamed messages are looked at when their transaction is committed.
    const checked = (index: number): number => (subject.name === 'pgoutput' && index >= 8 ? messages.length : index + 1);
    // Nobody looks at what was aborted.
    const isDropped = (index: number, length: number): boolean => subject.name === 'pgoutput' && index === 11 && length >= 5;

    for (const [index, message] of messages.entries()) {
      for (let length = 0; length < message.length; length++) {
        const cut = [...messages.slice(0, index), message.subarray(0, length), ...messages.slice(index + 1, checked(index))];
        const { recorder, failed } = await outcome(subject, cut);
        // A transaction as one message may be cut so that it looks like the first of its chunks: then its end never comes.
        const isOpen = recorder.transactions.at(-1)?.endLsn === undefined && recorder.transactions.at(-1)?.changes.length === 0;
        expect([index, length, failed || isOpen || isDropped(index, length)]).toEqual([index, length, true]);
        if (isDropped(index, length)) continue;
        const seen = changesOf(recorder);
        expect(seen).toEqual(whole.slice(0, seen.length));
      }
    }
  });

  it('changed bytes give an error, or rows that lie in their bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(messages.length - 1),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (index, changes) => {
          const damaged = Buffer.from(messages[index] ?? Buffer.alloc(0));
          for (const [place, byte] of changes) damaged[place % damaged.length] = byte;

          const { recorder } = await outcome(subject, [...messages.slice(0, index), damaged, ...messages.slice(index + 1)]);

          expect(recorder.transactions.length).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('bytes put in and taken out give an error, or rows that lie in their bytes, and leave what came before as it was', async () => {
    const wholes = messages.map((_, index) => outcome(subject, messages.slice(0, index)));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(messages.length - 1),
        fc.nat(),
        fc.nat(12),
        fc.oneof(
          fc.uint8Array({ maxLength: 12 }),
          fc.constantFrom('"', '}', ']', ',', '\\', '\0\0\0\x04', 'n').map((text) => Buffer.from(text)),
        ),
        async (index, place, remove, insert) => {
          const message = messages[index] ?? Buffer.alloc(0);
          const at = place % message.length;
          const damaged = Buffer.concat([message.subarray(0, at), insert, message.subarray(at + remove)]);

          const { recorder } = await outcome(subject, [...messages.slice(0, index), damaged]);

          const before = changesOf((await wholes[index])?.recorder ?? new LogRecorder());
          expect(changesOf(recorder).slice(0, before.length)).toEqual(before);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('messages in any order give an error, or whole transactions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...messages), { maxLength: 12 }), async (any) => {
        const { recorder, failed } = await outcome(subject, any);

        if (!failed) for (const { endLsn } of recorder.transactions.slice(0, -1)) expect(endLsn).toBeDefined();
      }),
      { numRuns: RUNS },
    );
  });

  it('bytes without any sense are an error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        const { recorder } = await outcome(subject, [Buffer.from(bytes)]);

        expect(recorder.changes).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });
});
