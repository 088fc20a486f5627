/** A place in the product where a test may kill, freeze or fail a process. */
export interface FailpointSpec {
  /** Where it is. */
  readonly where: string;
  /** What is durable when it is reached. */
  readonly durable: string;
  /** What is not: what a process that dies here leaves undone. */
  readonly missing: string;
}

/**
 * Every failpoint, in the order in which a job comes by. `docs/failpoints.md` is made from this list, and the crash matrix kills a process at each of them: a step that
 * makes something durable without a failpoint on both of its sides is not proven.
 */
export const FAILPOINTS = {
  'lease.acquire.before': {
    where: 'before the write that takes the lease',
    durable: 'nothing of this job',
    missing: 'the lease',
  },
  'lease.acquire.after': {
    where: 'after the write that takes the lease',
    durable: 'the lease, which names this job and how it began',
    missing: 'any record of the job: in AWS the end of its execution, or its next try, makes one from the lease and closes it',
  },
  'lease.renew.before': {
    where: 'before the write that renews the lease',
    durable: 'the lease with its earlier end',
    missing: 'the later end',
  },
  'lease.renew.after': {
    where: 'after the write that renews the lease',
    durable: 'the lease with its later end',
    missing: 'that the job knows of it',
  },
  'job.record.before': {
    where: 'before a job is recorded as running, skipped or over',
    durable: 'of a job that ends: its report in the ledger and in the sink',
    missing: 'the record',
  },
  'job.record.after': {
    where: 'after a job was recorded as running, skipped or over',
    durable: 'the record',
    missing: 'of a job that ends: the release of its lease',
  },
  'sink.remove.before': {
    where: 'before objects are removed that no commit names: one in a folder, up to 1,000 in S3',
    durable: 'the objects, whose worker was fenced out',
    missing: 'their removal',
  },
  'sink.remove.after': {
    where: 'after objects were removed that no commit names',
    durable: 'the removal',
    missing: 'the removal of further objects, and the report of the job that died',
  },
  'sink.abandon.before': {
    where: 'before an unfinished upload of a dead job is given up',
    durable: 'a temporary file, or the parts of a multipart upload',
    missing: 'its removal',
  },
  'sink.abandon.after': {
    where: 'after an unfinished upload of a dead job was given up',
    durable: 'its removal',
    missing: 'the removal of further uploads, and the report of the job that died',
  },
  'publication.change.before': {
    where: 'before the transaction that makes or changes publications is committed',
    durable: 'nothing: the server rolls it back',
    missing: 'the publications',
  },
  'publication.change.after': {
    where: 'after the transaction that makes or changes publications was committed',
    durable: 'the publications',
    missing: 'the slot, where there was none, and its bookmark',
  },
  'slot.create.before': {
    where: 'before the slot is created',
    durable: 'the publications, where there are any',
    missing: 'the slot',
  },
  'slot.create.after': {
    where: 'after the slot was created',
    durable: 'the slot, which holds back WAL from here on',
    missing: 'its bookmark',
  },
  'state.save.before': {
    where: 'before the state of a stream or the ranges of its copy are written or removed',
    durable: 'the state as it was',
    missing: 'the change',
  },
  'state.save.after': {
    where: 'after the state of a stream or the ranges of its copy were written or removed',
    durable: 'the change',
    missing: 'what follows from it',
  },
  'work.save.before': {
    where: 'after the pages of the list of units were written, before the list itself is',
    durable: 'pages that nothing refers to',
    missing: 'the list of units',
  },
  'work.save.after': {
    where: 'after the list of units was written',
    durable: 'the list of units',
    missing: 'all of the work',
  },
  'work.take.before': {
    where: 'before a worker takes units, which finishes those it took before',
    durable: 'everything that its last units committed',
    missing: 'that they are done, as the list has it',
  },
  'work.take.after': {
    where: 'after a worker took units',
    durable: 'that it holds them',
    missing: 'the work',
  },
  'work.add.before': {
    where: 'before units are added to the list: its ranges, or the catch-up of a copy',
    durable: 'what they follow from: the cut of a copy, or ranges that are marked done',
    missing: 'the units',
  },
  'work.add.page': {
    where: 'after a page of further units was written, before the list has grown by it',
    durable: 'a page behind the end of the list',
    missing: 'the longer list',
  },
  'work.add.after': {
    where: 'after the list has grown',
    durable: 'the further units',
    missing: 'that the unit which added them is done',
  },
  'work.give-back.before': {
    where: 'before a worker that was asked to stop gives a unit back',
    durable: 'what the unit committed so far',
    missing: 'that others may take it',
  },
  'work.give-back.after': {
    where: 'after a worker that was asked to stop gave a unit back',
    durable: 'that others may take it',
    missing: 'the rest of the unit',
  },
  'work.finish.before': {
    where: 'before a worker that was asked to stop finishes what it took',
    durable: 'everything that its last units committed',
    missing: 'that they are done, as the list has it',
  },
  'work.finish.after': {
    where: 'after a worker that was asked to stop finished what it took',
    durable: 'that they are done',
    missing: 'the end of the job',
  },
  'claim.before': {
    where: 'before the write that claims a head',
    durable: 'the head as its last claimer left it',
    missing: 'the higher fence',
  },
  'claim.after': {
    where: 'after the write that claims a head',
    durable: 'the higher fence: earlier claimers can commit no more',
    missing: 'any object under it',
  },
  'sink.begin.before': {
    where: 'before an object is begun: a temporary file, or a multipart upload',
    durable: 'nothing of it',
    missing: 'the object',
  },
  'sink.begin.after': {
    where: 'after an object was begun',
    durable: 'an unfinished upload without content',
    missing: 'the object',
  },
  'sink.part.before': {
    where: 'before bytes of an object are sent: a write to the temporary file, or a part of a multipart upload',
    durable: 'the parts before it, of an unfinished upload',
    missing: 'this part and the object',
  },
  'sink.part.after': {
    where: 'after bytes of an object were sent',
    durable: 'the parts up to this one, of an unfinished upload',
    missing: 'the object',
  },
  'sink.complete.before': {
    where: 'before the step that makes an object visible: link(2), CompleteMultipartUpload or PutObject',
    durable: 'all of its bytes under a temporary name or in parts; nothing where it is one PutObject',
    missing: 'the object',
  },
  'sink.complete.linked': {
    where: 'folders only: after the object has its name, before its temporary name is removed',
    durable: 'the object, under two names',
    missing: 'the commit that names it',
  },
  'sink.complete.after': {
    where: 'after an object became visible',
    durable: 'the object',
    missing: 'the commit that names it: until then it does not exist',
  },
  'sink.put.before': {
    where: 'before a small object is written: `_table.json`, a report, a piece of the log',
    durable: 'what was there before, in a folder also a temporary file',
    missing: 'the new content',
  },
  'sink.put.after': {
    where: 'after a small object was written',
    durable: 'the new content',
    missing: 'the step after it',
  },
  'archive.before': {
    where: 'before the last commit of a head gets an item of its own',
    durable: 'that commit, in its head',
    missing: 'its item',
  },
  'archive.after': {
    where: 'after the last commit of a head got an item of its own',
    durable: 'that commit, in two places: it counts once',
    missing: 'the commit that takes its place in the head',
  },
  'commit.before': {
    where: 'before the write that commits a batch',
    durable: 'all objects of the batch',
    missing: 'the bookmark: the batch is read again under another fence, and its objects are swept',
  },
  'commit.after': {
    where: 'after the write that commits a batch',
    durable: 'objects and bookmark',
    missing: 'the confirmation of the slot; versions that a TRUNCATE began; that the range is done',
  },
  'confirm.before': {
    where: 'before a slot is told that it may drop WAL',
    durable: 'objects and bookmark up to there',
    missing: 'the confirmation: the server sends again what the bookmark passes over',
  },
  'confirm.after': {
    where: 'after a slot was told that it may drop WAL',
    durable: 'objects, bookmark, and the slot at or behind it',
    missing: 'the next batch',
  },
  'activate.before': {
    where: 'before a complete copy becomes the active version',
    durable: 'all of its rows',
    missing: '`_table.json`, the first key bookmark, the active version',
  },
  'activate.bookmark': {
    where: 'key-based streams only: after the first key bookmark was made, before the version is active',
    durable: 'all rows, `_table.json`, the key bookmark',
    missing: 'the active version',
  },
  'activate.after': {
    where: 'after a complete copy became the active version',
    durable: 'the active version',
    missing: 'the removal of the heads of the copy',
  },
  'retire.before': {
    where: 'after the last commit of a head was archived, before the head is removed',
    durable: 'the commit, in two places',
    missing: 'the removal of the head',
  },
  'retire.after': {
    where: 'after a head was removed',
    durable: 'its commits, in items of their own',
    missing: 'that the unit is done, as the list has it',
  },
  'report.ledger.before': {
    where: 'before the report of a job is saved in the ledger',
    durable: 'all commits of the job',
    missing: 'its report: the next job makes it',
  },
  'report.ledger.after': {
    where: 'after the report of a job was saved in the ledger',
    durable: 'the report in the ledger',
    missing: 'the report in the sink, and the final record',
  },
  'report.sink.before': {
    where: 'before the report of a job is written to the sink',
    durable: 'the report in the ledger',
    missing: 'the report in the sink, and the final record',
  },
  'report.sink.after': {
    where: 'after the report of a job was written to the sink',
    durable: 'the report in both',
    missing: 'the final record: the next job makes the same report again',
  },
  'lease.release.before': {
    where: 'before the lease is given up',
    durable: 'everything of the job',
    missing: 'the release',
  },
  'lease.release.after': {
    where: 'after the lease was given up',
    durable: 'everything of the job, and that the next may begin at once',
    missing: 'nothing',
  },
} as const satisfies Readonly<Record<string, FailpointSpec>>;

/** The name of a failpoint. Never renamed: the crash matrix is kept by these names. */
export type Failpoint = keyof typeof FAILPOINTS;
