/** Keys that can be counted: as a number, and back as the text that PostgreSQL prints. Both keep the order of the type. */
export interface KeyNumbers {
  parse(text: string): bigint;
  print(number: bigint): string;
}

const INTEGERS: KeyNumbers = { parse: (text) => BigInt(text), print: (number) => String(number) };

/** PostgreSQL orders UUIDs by their bytes. */
const UUIDS: KeyNumbers = {
  parse: (text) => BigInt(`0x${text.replaceAll('-', '')}`),
  print: (number) =>
    number
      .toString(16)
      .padStart(32, '0')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
};

/** How keys of a type are counted; undefined for types where that is not plain arithmetic. */
export function keyNumbers(typeName: string): KeyNumbers | undefined {
  switch (typeName) {
    case 'int2':
    case 'int4':
    case 'int8':
      return INTEGERS;
    case 'uuid':
      return UUIDS;
    default:
      return undefined;
  }
}
