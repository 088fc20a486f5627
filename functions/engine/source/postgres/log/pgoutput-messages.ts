/** Types of messages, protocol versions 1 and 2: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html */
export const MESSAGE = {
  begin: 0x42, // B
  commit: 0x43, // C
  origin: 0x4f, // O
  relation: 0x52, // R
  type: 0x59, // Y
  insert: 0x49, // I
  update: 0x55, // U
  delete: 0x44, // D
  truncate: 0x54, // T
  message: 0x4d, // M
  streamStart: 0x53, // S
  streamStop: 0x45, // E
  streamCommit: 0x63, // c
  streamAbort: 0x41, // A
} as const;

/** Of slots with two-phase decoding: Begin Prepare, Prepare, Commit Prepared, Rollback Prepared, Stream Prepare. */
export const TWO_PHASE_MESSAGES: ReadonlySet<number> = new Set([0x62, 0x50, 0x4b, 0x72, 0x70]);
