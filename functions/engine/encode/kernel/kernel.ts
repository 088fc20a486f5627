import { encodeRows } from './rows.ts';
import { encodeTuple } from './tuple.ts';

export { encodeRows, encodeTuple };
