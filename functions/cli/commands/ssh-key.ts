import { ReplicationError } from '../../engine/model/errors.ts';
import { printable } from '../../engine/report/render-text.ts';
import { printJson } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { SecretPlace } from '../workspace.ts';

export interface SshKeyOptions {
  readonly file: string | undefined;
  readonly secret: string | undefined;
  readonly comment: string;
}

/** Makes a key pair for an SSH tunnel. Standard output is the line for `authorized_keys` and nothing else, so that it can be redirected there. */
export async function sshKeyCommand(context: CommandContext, { file, secret, comment }: SshKeyOptions): Promise<ExitCode> {
  const { console, options, interruption } = context;
  if (/[\r\n\0]/.test(comment)) throw usage('The comment has to be one line.');
  const { publicLine, place } = await context.createSshKey({ place: placeOf(file, secret), comment }, interruption.abort);
  const reference = place.kind === 'file' ? { file: place.path } : { secret: place.id };
  if (options.output === 'json') {
    await printJson(context, { publicKey: publicLine, privateKey: reference });
    return EXIT.ok;
  }
  await console.err.write(
    [
      `The private key is in ${place.kind === 'file' ? `the file ${printable(place.path)}` : `the secret ${printable(place.id)}`}; name it in the configuration:`,
      `  ssh: { host: ..., user: ..., privateKey: ${printable(JSON.stringify(reference))} }`,
      'Add this line to ~/.ssh/authorized_keys of that user on the SSH server:',
      '',
    ].join('\n'),
  );
  await console.out.write(`${printable(publicLine)}\n`);
  return EXIT.ok;
}

function placeOf(file: string | undefined, secret: string | undefined): SecretPlace {
  if (file !== undefined && secret === undefined) return { kind: 'file', path: file };
  if (secret !== undefined && file === undefined) return { kind: 'secret', id: secret };
  throw usage('Say where the private key goes: either --file or --secret.');
}

function usage(problem: string): ReplicationError<'usage'> {
  return new ReplicationError('usage', { problem, help: 'backstitch ssh-key --help' });
}
