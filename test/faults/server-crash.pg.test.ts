import { whileReading } from './support/while-reading.ts';

whileReading('a server that crashes and comes back', {
  everyRows: 3_000,
  times: 1,
  happen: (server) => server.restart('immediate'),
});
