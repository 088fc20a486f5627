import { Command, Option } from 'commander';
import type { LogLevel } from '../engine/runtime/logger.ts';
import { describeCommand, positiveCount, rawOptions, textOption } from './command.ts';
import type { CommandContext } from './command.ts';
import { checkCommand } from './commands/check.ts';
import { pauseCommand, resumeCommand, stopCommand } from './commands/control.ts';
import { demoCommand } from './commands/demo.ts';
import { discoverCommand } from './commands/discover.ts';
import { LOG_LEVELS, logsCommand } from './commands/logs.ts';
import { planCommand } from './commands/plan.ts';
import { listReportsCommand, showReportCommand } from './commands/reports.ts';
import { resetCommand } from './commands/reset.ts';
import { runAwsCommand } from './commands/run-aws.ts';
import { runCommand } from './commands/run.ts';
import { scheduleCommand } from './commands/schedule.ts';
import { sshKeyCommand } from './commands/ssh-key.ts';
import { FLAVOURS, setupSqlCommand } from './commands/setup-sql.ts';
import { statusCommand } from './commands/status.ts';
import { EXIT } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { InterruptionOptions } from './signals.ts';

/** Carries out a parsed command: `first` says what the first Ctrl-C means to it. */
export type Carry = (
  command: Command,
  first: InterruptionOptions['first'],
  act: (context: CommandContext) => Promise<ExitCode>,
) => Promise<void>;

type Options = Readonly<Record<string, unknown>>;

/** The command line: commands, options, help. Parsing it calls `carry` with what was asked for. */
export function buildProgram({ version, carry }: { readonly version: string; readonly carry: Carry }): Command {
  const program = new Command('backstitch')
    .description('Replicates PostgreSQL to Amazon S3, or to a folder, as JSON Lines.')
    .version(version)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .addHelpText('after', `\nExample:\n  $ backstitch demo\n\n${exitCodeHelp()}`);
  /** A command without arguments that answers at once. */
  const simple = (
    name: string,
    description: string,
    example: string,
    act: (context: CommandContext, options: Options) => Promise<ExitCode>,
  ): Command => {
    const command = describeCommand(program.command(name), { description, example });
    return command.action(async () => carry(command, 'at-once', (context) => act(context, rawOptions(command))));
  };

  addDemo(program, carry);
  simple(
    'check',
    'Check everything that can stop a job or hurt the source; each finding has its fix. Ends with 0 only if a job can run.',
    'backstitch check --integration shop',
    checkCommand,
  );
  addSetupSql(program, carry);
  simple(
    'discover',
    'Show the tables that the role may read; --json prints a Singer catalog.',
    'backstitch discover --json > catalog.json',
    discoverCommand,
  );
  simple(
    'plan',
    'Show what a run would do now, and what it leaves out and why.',
    'backstitch plan --integration shop',
    planCommand,
  );
  addRun(program, carry);
  simple(
    'status',
    'Show how integrations stand: state, error and remedy, last and next job, streams.',
    'backstitch status --json | jq .state',
    (context, options) => statusCommand(context, { verdict: options['exitCode'] === true ? 'exit-code' : 'printed' }),
  ).option('--exit-code', `end with ${EXIT.failed} if an integration is failing or partial`);
  addReports(program, carry);
  addLogs(program, carry);
  addReset(program, carry);
  simple(
    'pause',
    'Let schedules start nothing until "resume"; a running job goes on.',
    'backstitch pause --integration shop',
    pauseCommand,
  );
  simple('resume', 'Let schedules start jobs again.', 'backstitch resume --integration shop', resumeCommand);
  simple('stop', 'Ask the running job to end at its next checkpoint.', 'backstitch stop --integration shop', stopCommand);
  simple(
    'schedule',
    'Show when jobs start next, as the AWS app schedules them.',
    'backstitch schedule --integration shop',
    scheduleCommand,
  );
  addSshKey(program, carry);
  return program;
}

function addDemo(program: Command, carry: Carry): void {
  const command = program
    .command('demo')
    .description('Replicate a sample shop from an embedded PostgreSQL, or your own database, into a folder.')
    .option('--source <url>', 'your own database, postgres://user:password@host:port/database; it is only read')
    .option('-d, --directory <folder>', 'where everything is written', './backstitch-demo')
    .option('--json', 'print the outcome as JSON, and errors as JSON too')
    .option('--debug', 'print stacks and causes of errors; they may hold names and values')
    .addHelpText('after', '\nExample:\n  $ backstitch demo --source postgres://me@localhost/shop');
  command.action(async () => {
    const options = rawOptions(command);
    const directory = textOption(options, 'directory') ?? './backstitch-demo';
    await carry(command, 'checkpoint', (context) => demoCommand(context, { directory, source: textOption(options, 'source') }));
  });
}

function addSetupSql(program: Command, carry: Carry): void {
  const command = describeCommand(program.command('setup-sql'), {
    description:
      'Print the script for the DBA: role, grants of what is selected, replication right, publication and slot. Runs nothing.',
    example: 'backstitch setup-sql --flavour rds > setup.sql\n  $ backstitch setup-sql --revoke > revoke.sql',
  })
    .addOption(
      new Option('--flavour <flavour>', 'where the server runs (default: what --connect finds, else self-hosted)').choices(
        FLAVOURS,
      ),
    )
    .option('--revoke', 'print the script that undoes it')
    .option('--connect', 'look up names, partitions and slots on the server, with the configured role')
    .option('--password-placeholder', "put a text to replace where the password goes, in place of psql's variable");
  command.action(async () => {
    const options = rawOptions(command);
    const flavour = FLAVOURS.find((name) => name === textOption(options, 'flavour'));
    await carry(command, 'at-once', (context) =>
      setupSqlCommand(context, {
        ...(flavour === undefined ? {} : { flavour }),
        direction: options['revoke'] === true ? 'revoke' : 'grant',
        names: options['connect'] === true ? 'connected' : 'as-written',
        password: options['passwordPlaceholder'] === true ? 'placeholder' : 'variable',
      }),
    );
  });
}

function addRun(program: Command, carry: Carry): void {
  const command = describeCommand(program.command('run'), {
    description:
      'Run one job now, per integration if none is named. Also while it is paused. If a job is running, say so and end well.',
    example: 'backstitch run --integration shop',
  })
    .addOption(
      new Option('--scheduled', 'for cron: count as started by the schedule, and start nothing while it is paused').conflicts(
        'aws',
      ),
    )
    .option('--aws', 'start it in AWS, where the stack is deployed, and print where to watch it; does not wait for its end');
  command.action(async () => {
    if (rawOptions(command)['aws'] === true) return carry(command, 'at-once', runAwsCommand);
    const trigger = rawOptions(command)['scheduled'] === true ? 'schedule' : 'manual';
    await carry(command, 'checkpoint', (context) => runCommand(context, { trigger }));
  });
}

function addSshKey(program: Command, carry: Carry): void {
  const command = program
    .command('ssh-key')
    .description(
      'Make a key pair for an SSH tunnel: the private half is stored, the line for authorized_keys printed. Nothing is ever overwritten.',
    )
    .option('--file <path>', 'store the private key in this new file, readable by you alone')
    .option('--secret <name>', 'store it in AWS Secrets Manager, as a new secret or one that is empty')
    .option('--comment <text>', 'what the line for authorized_keys ends with', 'backstitch')
    .option('--json', 'print JSON, and errors as JSON too')
    .option('--debug', 'print stacks and causes of errors; they may hold names and values')
    .addHelpText('after', '\nExample:\n  $ backstitch ssh-key --file ~/.ssh/backstitch');
  command.action(async () => {
    const options = rawOptions(command);
    const [file, secret] = [textOption(options, 'file'), textOption(options, 'secret')];
    const comment = textOption(options, 'comment') ?? 'backstitch';
    await carry(command, 'at-once', (context) => sshKeyCommand(context, { file, secret, comment }));
  });
}

function addReports(program: Command, carry: Carry): void {
  const html = '--html <file>';
  const reports = describeCommand(program.command('reports'), {
    description: 'List jobs, newest first; "show" prints the loading report of one.',
    example: 'backstitch reports --limit 5\n  $ backstitch reports --html report.html',
  })
    .option('-n, --limit <count>', 'jobs to list', positiveCount, 20)
    .option(html, 'write the latest report as one web page instead; - is standard output');
  reports.action(async () => {
    const options = rawOptions(reports);
    const htmlFile = textOption(options, 'html');
    const limit = typeof options['limit'] === 'number' ? options['limit'] : 20;
    await carry(reports, 'at-once', (context) =>
      htmlFile === undefined ? listReportsCommand(context, { limit }) : showReportCommand(context, { job: undefined, htmlFile }),
    );
  });

  const show = describeCommand(reports.command('show'), {
    description: 'Print the loading report of a job; without one, of the latest.',
    example: 'backstitch reports show 20261122T081200.123Z-000042 --html report.html',
  })
    .argument('[job]', 'id of the job, as "backstitch reports" lists it')
    .option(html, 'write it as one web page instead; - is standard output');
  show.action(async (job: string | undefined) => {
    await carry(show, 'at-once', (context) =>
      showReportCommand(context, { job, htmlFile: textOption(rawOptions(show), 'html') }),
    );
  });
}

function addLogs(program: Command, carry: Carry): void {
  const command = describeCommand(program.command('logs'), {
    description: 'Print the extraction log of a job; without one, of the latest.',
    example: 'backstitch logs --level WARNING',
  })
    .argument('[job]', 'id of the job, as "backstitch reports" lists it')
    .addOption(new Option('--level <level>', 'leave out events below it').choices(LOG_LEVELS).default('DEBUG'));
  command.action(async (job: string | undefined) => {
    const level = LOG_LEVELS.find((name): name is LogLevel => name === textOption(rawOptions(command), 'level')) ?? 'DEBUG';
    await carry(command, 'at-once', (context) => logsCommand(context, { job, level }));
  });
}

function addReset(program: Command, carry: Carry): void {
  const command = describeCommand(program.command('reset'), {
    description:
      'Forget where a table, or without one the whole integration, stands: the next job copies it anew. Never touches a replication slot.',
    example: 'backstitch reset public.orders --integration shop',
  })
    .argument('[table]', 'schema.table, or database.schema.table')
    .option('-y, --yes', 'do not ask');
  command.action(async (table: string | undefined) => {
    const confirmation = rawOptions(command)['yes'] === true ? 'given' : 'ask';
    await carry(command, 'at-once', (context) => resetCommand(context, { table, confirmation }));
  });
}

function exitCodeHelp(): string {
  return [
    'Exit codes:',
    `  ${EXIT.ok}    done; also when nothing was started because the integration is busy or paused`,
    `  ${EXIT.failed}    the job or some of its streams failed, or the database, destination or state store did`,
    `  ${EXIT.usage}    the command line or the configuration is wrong`,
    `  ${EXIT.stopped}    the job was stopped at a checkpoint; the next one goes on from there`,
    `  ${EXIT.interrupted}  interrupted (Ctrl-C); ${EXIT.terminated} for SIGTERM`,
  ].join('\n');
}
