import { z } from 'zod';
import { parseSize } from './units.ts';

// The error text of every schema here says what is allowed: the reader sees `found "x" - allowed <text>`.

/** A mapping with known keys only. What is allowed is told from the JSON Schema, so that it is written once. */
export const mapping = <T extends z.core.$ZodLooseShape>(shape: T) => z.strictObject(shape);

/** Text; by default any that is not empty. */
export const text = (allowed = 'text', pattern = /^(?=[\s\S]*\S)[^\0]*$/) =>
  z.string({ error: allowed }).regex(pattern, { error: allowed });

/** One of several words. */
export const choice = <const T extends readonly [string, ...string[]]>(values: T) => z.enum(values, { error: values.join(', ') });

/** One of several whole numbers. */
export const choiceOfNumber = (values: readonly number[]) => {
  const error = `one of ${values.join(', ')}`;
  return z.int({ error }).refine((value) => values.includes(value), { error });
};

export const flag = () => z.boolean({ error: 'true or false' });

/** A whole number between two bounds, both included. */
export const wholeNumber = (min: number, max: number) => {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

/** A list with at least one entry. */
export const listOf = <T extends z.ZodType>(entry: T, allowed: string) =>
  z.array(entry, { error: allowed }).min(1, { error: allowed });

/** Text that a reader must accept: it gives undefined, or `{ problem }`, for text that it does not. */
export const readBy = (allowed: string, read: (text: string) => unknown) =>
  z.string({ error: allowed }).check((context) => {
    const result = read(context.value);
    if (result === undefined) context.issues.push({ code: 'custom', input: context.value, message: allowed });
    else if (typeof result === 'object' && result !== null && 'problem' in result && typeof result.problem === 'string') {
      context.issues.push({ code: 'custom', input: context.value, message: result.problem });
    }
  });

/** A number or text that a reader must accept. */
export const numberOrText = (allowed: string, isAllowed: (value: number | string) => boolean) =>
  z.union([z.number(), z.string()], { error: allowed }).refine(isAllowed, { error: allowed });

/** A setting in bytes: `128 MiB`, `64KB` or a number. */
export const size = (min: number, max: number, range: string) =>
  numberOrText(`a size such as "128 MiB" or a number of bytes, ${range}`, (value) => {
    const bytes = parseSize(value);
    return bytes !== undefined && bytes >= min && bytes <= max;
  });
