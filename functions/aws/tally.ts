import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import { NO_SPENDING } from '../engine/report/spending.ts';
import type { Spending } from '../engine/report/spending.ts';

/** Counts what clients ask for, over the life of a sandbox. */
export class Tally {
  #counts = { readUnits: 0, writeUnits: 0, puts: 0, gets: 0 };

  /** All so far. Invocations, time and transitions are for others to know. */
  get spent(): Spending {
    return { ...NO_SPENDING, ...this.#counts };
  }

  /** Counts every request of a client by its price class; attempts that are repeated inside of a request count once. */
  watchS3(client: S3Client): void {
    client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          if (isPut(commandName)) this.#counts.puts += 1;
          else if (!isFree(commandName)) this.#counts.gets += 1;
          return next(args);
        },
      { step: 'initialize', name: 'tallyS3' },
    );
  }

  /** Asks DynamoDB what each request consumed, and adds it up. */
  watchDynamo(client: DynamoDBClient): void {
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const answer = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } });
          const units = unitsOf(answer.output);
          if (isRead(commandName)) this.#counts.readUnits += units;
          else this.#counts.writeUnits += units;
          return answer;
        },
      { step: 'initialize', name: 'tallyDynamo' },
    );
  }
}

/** Classes of https://aws.amazon.com/s3/pricing/: LIST of objects, parts and uploads is dear as PUT. */
function isPut(command: string | undefined): boolean {
  return /^(Put|Create|Upload|Complete|Copy|List)/.test(command ?? '');
}

function isFree(command: string | undefined): boolean {
  return /^(Delete|Abort)/.test(command ?? '');
}

function isRead(command: string | undefined): boolean {
  return /^(Get|BatchGet|Query|Scan)/.test(command ?? '');
}

/** One capacity, or one for each table. */
function unitsOf(output: object): number {
  if (!('ConsumedCapacity' in output)) return 0;
  const { ConsumedCapacity: consumed } = output;
  const all: readonly unknown[] = Array.isArray(consumed) ? consumed : [consumed];
  return all.reduce<number>((sum, one) => sum + capacityOf(one), 0);
}

function capacityOf(consumed: unknown): number {
  if (typeof consumed !== 'object' || consumed === null || !('CapacityUnits' in consumed)) return 0;
  return typeof consumed.CapacityUnits === 'number' ? consumed.CapacityUnits : 0;
}
