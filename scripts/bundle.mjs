// Bundles what runs in Lambda: `bundle(outDir)` for the AWS app, or `node scripts/bundle.mjs <folder>` to look at it.
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** ssh2 asks for what CommonJS has. */
const BANNER = [
  "import { createRequire as requireFrom } from 'node:module';",
  "import { dirname as folderOf } from 'node:path';",
  "import { fileURLToPath as pathOf } from 'node:url';",
  'const require = requireFrom(import.meta.url);',
  'const __filename = pathOf(import.meta.url);',
  'const __dirname = folderOf(__filename);',
].join('');

/** Ways to get credentials that a person has and a function has not: one that runs in Lambda finds its own in its environment. */
const OTHER_CREDENTIALS =
  /^@aws-sdk\/(credential-provider-(cognito-identity|ini|login|process|sso|web-identity)|nested-clients\/(cognito-identity|signin|sso|sso-oidc|sts)|token-providers)$/;

const leaveOut = {
  name: 'leave-out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: OTHER_CREDENTIALS }, ({ path }) => ({ path, namespace: 'left-out' }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};

/**
 * Writes `index.mjs` with the handlers `plan`, `work`, `report` and `watch`, and beside it what they load when they need it: SSH, Secrets Manager, tokens for RDS.
 * The same sources give the same files.
 * @param {string} outDir made if it is not there; files of the same names are replaced
 * @returns {Promise<{ files: readonly string[], bytes: number, inputs: readonly string[] }>} names of the files, their size together, and the sources in them
 */
export async function bundle(outDir) {
  const folder = resolve(outDir);
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { index: 'functions/lambda.ts' },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minify: true,
    legalComments: 'none',
    external: ['cpu-features', 'pg-native', 'pg-cloudflare'],
    loader: { '.node': 'empty' },
    banner: { js: BANNER },
    // What the SDKs have as modules is smaller than what they have for require.
    mainFields: ['module', 'main'],
    plugins: [leaveOut],
    metafile: true,
    logLevel: 'error',
  });
  const names = Object.keys(metafile.outputs).map((path) => resolve(root, path).slice(folder.length + 1));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return { files: names.sort(), bytes: sizes.reduce((sum, size) => sum + size, 0), inputs: Object.keys(metafile.inputs) };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = process.argv[2] ?? join(root, 'dist', 'lambda');
  const { bytes } = await bundle(folder);
  console.log(`${folder}: ${(await readdir(folder)).length} files, ${(bytes / 1e6).toFixed(2)} MB`);
}
