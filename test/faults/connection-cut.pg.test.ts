import { eventually } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import type { TestProxy } from '../support/proxy.ts';
import { whileReading } from './support/while-reading.ts';

const proxies = new Map<number, TestProxy>();

whileReading('a connection that is cut in the middle of a message, again and again', {
  everyRows: 2_500,
  times: 4,
  way: async (server) => {
    const proxy = await startProxy(server);
    proxies.set(proxy.port, proxy);
    return proxy;
  },
  happen: async (_, { port }) => {
    const proxy = proxies.get(port);
    if (proxy === undefined) throw new Error('a way that nobody opened');
    // Somewhere in a message, a little later; if the job ends before, it may.
    const at = proxy.bytes.toClient + 10_007;
    proxy.shape({ cutAfter: { direction: 'toClient', bytes: at } });
    await eventually('it is cut', () => proxy.bytes.toClient >= at || proxy.open === 0);
    proxy.shape({});
  },
});
