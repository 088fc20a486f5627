// A process of its own that runs one job and prints how it ended; its parent may kill it at any moment.
import { openLocal } from '../../functions/local.ts';

const [configPath = '', integration = 'shop'] = process.argv.slice(2);
const signal = new AbortController().signal;
await using workspace = await openLocal({ configPath, env: {} });
process.stdout.write('started\n');
const outcome = await workspace.run(integration, { trigger: 'manual', progress: () => undefined, stop: signal, abort: signal });
process.stdout.write(`${outcome.state === 'finished' ? outcome.report.state : outcome.state}\n`);
