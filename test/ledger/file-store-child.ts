// A process of its own that writes to a folder until it is killed. It prints a line for each write that was acknowledged.
import { openFileStore } from '../../functions/engine/ledger/file/file-store.ts';
import { openLedger } from '../../functions/engine/ledger/open-ledger.ts';
import { systemClock } from '../../functions/engine/runtime/clock.ts';
import { silentLogger } from '../../functions/engine/runtime/logger.ts';

const [folder = '', kind = '', name = ''] = process.argv.slice(2);
const store = openFileStore({ folder, url: 'file:./state' });
process.stdout.write('started\n');

if (kind === 'loop') {
  // Own items, of which every sixth write makes one anew or removes it; some bodies are large, so that generations change often.
  const revisions = new Map<string, number>();
  for (let n = 1; ; n += 1) {
    const id = `head#${name}/${n % 5}`;
    const expected = revisions.get(id) ?? (await store.get('shop', id))?.revision ?? 0;
    if (n % 6 === 0 && expected > 0) {
      process.stdout.write(`removing ${id}\n`);
      if ((await store.remove('shop', id, expected)) === 'refused') throw new Error('nobody else writes here');
      process.stdout.write(`removed ${id}\n`);
      revisions.set(id, 0);
      continue;
    }
    const written = await store.put('shop', id, JSON.stringify({ n, pad: 'x'.repeat(n % 7 === 0 ? 90_000 : 10) }), expected);
    if (written.state === 'refused') throw new Error('nobody else writes here');
    revisions.set(id, written.item.revision);
    process.stdout.write(`wrote ${id} ${n} ${written.item.revision}\n`);
  }
}

if (kind === 'count') {
  // One item for all: each adds one as often as it can, fifty times in all.
  for (let done = 0; done < 50;) {
    const now = await store.get('shop', 'counter');
    const body = `${Number(now?.body ?? 0) + 1}`;
    if ((await store.put('shop', 'counter', body, now?.revision ?? 0)).state === 'written') done += 1;
  }
}

if (kind === 'race') {
  const won: string[] = [];
  for (let n = 0; n < 40; n += 1) if ((await store.put('shop', `race#${n}`, name, 0)).state === 'written') won.push(`${n}`);
  process.stdout.write(`won ${won.join(' ')}\n`);
}

if (kind === 'lease') {
  // Holds a lease for an hour and has nothing else to do: renewing it must not keep the process alive.
  const ledger = openLedger(store, 'shop', { clock: systemClock, logger: silentLogger });
  const lease = await ledger.acquire(name, 3_600_000);
  process.stdout.write(`${lease.state}\n`);
}
