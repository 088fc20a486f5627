import { longestKey, parseKeyTemplate } from './key-tokens.ts';
import { finding } from './problems.ts';
import type { Finding } from './problems.ts';
import { exactlyOne, isSettings, listOf } from './settings.ts';
import type { Findings, Settings } from './settings.ts';
import { connectionRules } from './rules-connection.ts';
import { tableRules } from './rules-tables.ts';
import { parseSinkUrl } from './schema-destination.ts';
import type { SettingPath } from './yaml-source.ts';
import { parseTableName } from './table-name.ts';
import { parseDuration } from './units.ts';

/** S3's limit for a key in bytes, and room for the unique name and ending of an object. */
const MAX_KEY_BYTES = 1024;
const UNIQUE_NAME_BYTES = 64;

/**
 * Checks the rules that one setting alone cannot tell. Works on the parsed file, not on the schema's output, so that a mistake elsewhere does
 * not hide these; what has the wrong type is passed over, since the schema says so.
 */
export function crossCheck(document: unknown): Findings {
  if (!isSettings(document)) return { problems: [], warnings: [] };
  const parts: Findings[] = [{ problems: keyLength(document.destination), warnings: [] }];
  const integrations = listOf(document.integrations);
  for (const [index, integration] of integrations.entries()) {
    if (!isSettings(integration)) continue;
    const path = ['integrations', index];
    parts.push(
      {
        problems: [...selectAllRule(integration, path), ...scheduleRules(integration.schedule, [...path, 'schedule'])],
        warnings: [],
      },
      connectionRules(integration.connection, [...path, 'connection']),
      tableRules(integration, path),
    );
  }
  parts.push({ problems: [...sameNames(integrations), ...sameSlots(integrations), ...awsRules(document.aws)], warnings: [] });
  return { problems: parts.flatMap(({ problems }) => problems), warnings: parts.flatMap(({ warnings }) => warnings) };
}

function keyLength(destination: unknown): readonly Finding[] {
  if (!isSettings(destination) || typeof destination.url !== 'string' || typeof destination.keyTemplate !== 'string') return [];
  const url = parseSinkUrl(destination.url);
  const pieces = parseKeyTemplate(destination.keyTemplate);
  if ('problem' in url || 'problem' in pieces) return [];
  const bytes = (url.kind === 's3' ? url.prefix.length + 1 : 0) + longestKey(pieces) + UNIQUE_NAME_BYTES;
  if (bytes <= MAX_KEY_BYTES) return [];
  const allowed = `a shorter one: with the prefix and the longest names its keys could have ${bytes} bytes, and S3 takes ${MAX_KEY_BYTES}`;
  return [finding({ path: ['destination', 'keyTemplate'], value: destination.keyTemplate, allowed })];
}

function selectAllRule(integration: Settings, path: SettingPath): readonly Finding[] {
  if (integration.selectAll !== true || integration.defaultReplicationMethod === 'LOG_BASED') return [];
  return [finding({ path: [...path, 'selectAll'], value: true, allowed: 'true only with defaultReplicationMethod: LOG_BASED' })];
}

function scheduleRules(schedule: unknown, path: SettingPath): readonly Finding[] {
  if (!isSettings(schedule)) return [];
  const problems = [...exactlyOne(schedule, ['every', 'cron'], path)];
  if (schedule.timezone !== undefined && schedule.cron === undefined) {
    problems.push({ path: [...path, 'timezone'], at: 'key', text: 'found without cron - allowed only with it' });
  }
  if (schedule.anchor !== undefined) {
    const seconds = typeof schedule.every === 'string' ? parseDuration(schedule.every) : undefined;
    if (schedule.every === undefined)
      problems.push({ path: [...path, 'anchor'], at: 'key', text: 'found without every - allowed only with it' });
    else if (seconds !== undefined && seconds < 3600) {
      problems.push(
        finding({ path: [...path, 'every'], value: schedule.every, allowed: '1 hour or more where there is an anchor' }),
      );
    }
  }
  return problems;
}

function awsRules(aws: unknown): readonly Finding[] {
  if (!isSettings(aws)) return [];
  const problems: Finding[] = [];
  const path: SettingPath = ['aws'];
  if ((aws.account === undefined) !== (aws.region === undefined)) {
    const found = aws.account === undefined ? 'region without account' : 'account without region';
    problems.push({ path, at: 'value', text: `found ${found} - allowed both or neither` });
  }
  if (!isSettings(aws.vpc)) return problems;
  const { availabilityZones, subnets, routeTables } = aws.vpc;
  const zones = listOf(availabilityZones).length;
  for (const [name, list] of [
    ['subnets', subnets],
    ['routeTables', routeTables],
  ] as const) {
    if (Array.isArray(list) && zones > 0 && list.length !== zones)
      problems.push({
        path: [...path, 'vpc', name],
        at: 'value',
        text: `found ${list.length} - allowed one for each of the ${zones} availabilityZones`,
      });
  }
  if (aws.gatewayEndpoints === true && routeTables === undefined)
    problems.push({
      path: [...path, 'gatewayEndpoints'],
      at: 'value',
      text: 'found true - allowed with vpc.routeTables, which the endpoints are put into',
    });
  return problems;
}

function sameNames(integrations: readonly unknown[]): readonly Finding[] {
  const first = new Map<string, number>();
  return integrations.flatMap((integration, index) => {
    const name = isSettings(integration) ? integration.name : undefined;
    if (typeof name !== 'string') return [];
    const other = first.get(name);
    if (other === undefined) {
      first.set(name, index);
      return [];
    }
    return [
      finding({
        path: ['integrations', index, 'name'],
        value: name,
        allowed: `a name that integrations[${other}] does not have`,
      }),
    ];
  });
}

/** A slot gives each change once, so two integrations that read one slot would each lose what the other took. */
function sameSlots(integrations: readonly unknown[]): readonly Finding[] {
  const first = new Map<string, number>();
  return integrations.flatMap((integration, index) => {
    if (!isSettings(integration) || !isSettings(integration.connection)) return [];
    const { host, port = 5432 } = integration.connection;
    const slots = slotsOf(integration, integration.connection).map((slot) => ({
      slot,
      where: JSON.stringify([host, port, slot]),
    }));
    const taken = slots.find(({ where }) => first.has(where));
    for (const { where } of slots) if (!first.has(where)) first.set(where, index);
    if (taken === undefined) return [];
    const allowed = `a slot of its own: integrations[${first.get(taken.where) ?? 0}] reads the same one, and a slot gives each change to one reader only`;
    return [finding({ path: ['integrations', index, 'logBased', 'slot'], value: taken.slot, allowed })];
  });
}

/** Names of the slots that an integration reads, as far as the file alone tells. */
function slotsOf(integration: Settings, connection: Settings): readonly string[] {
  const logBased = listOf(integration.tables).filter(
    (table): table is Settings =>
      isSettings(table) && table.selected !== false && (table.method ?? integration.defaultReplicationMethod) === 'LOG_BASED',
  );
  if (integration.selectAll !== true && logBased.length === 0) return [];
  const slot = isSettings(integration.logBased) ? integration.logBased.slot : undefined;
  if (slot !== undefined) return typeof slot === 'string' ? [slot] : [];
  const anywhere = connection.databases === undefined ? [connection.database] : listOf(connection.databases);
  const named = logBased.map(({ table }) => (typeof table === 'string' ? parseTableName(table)?.database : undefined));
  const databases = integration.selectAll === true || named.includes(undefined) ? [...anywhere, ...named] : named;
  const names = databases.filter((database) => typeof database === 'string');
  return [...new Set(names.map((database) => `backstitch_${database.toLowerCase().replaceAll(/[^a-z0-9_]/gu, '_')}`))];
}
