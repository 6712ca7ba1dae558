import { assert, isSyncError, SyncError, type SyncErrorCode } from '../core/errors.ts';
import type { ItemBody } from '../core/event.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { GraphSession, WriteOperation, WriteOutcome } from './calendar-graph.ts';
import { batch, type GraphAccess, getEvents, toRemoteEvent } from './graph-access.ts';
import type { BatchItem, BatchOutcome } from './graph-batch.ts';
import { isDoubtful, isGone } from './graph-errors.ts';
import { toCreateBody, toUpdateBody } from './graph-event.mapper.ts';
import { fromWire } from './graph-event-reader.ts';
import { calendarPath, eventPath } from './graph-paths.ts';
import { withJoinBlock } from './join-block.ts';
import { members, text } from './wire-values.ts';

type Create = Extract<WriteOperation, { kind: 'create' }>;
type Update = Extract<WriteOperation, { kind: 'update' }>;
type Delete = Extract<WriteOperation, { kind: 'delete' }>;
type Refused = Extract<WriteOutcome, { ok: false }>;

/** @returns an outcome for every operation, in any order; whatever Graph says about one of them is thrown by none */
export async function writeEvents(
  access: GraphAccess,
  session: GraphSession,
  operations: readonly WriteOperation[],
): Promise<WriteOutcome[]> {
  assert(new Set(operations.map(({ key }) => key)).size === operations.length, 'write: two operations share a key');
  const bodies = await onlineBodies(access, session, operations);
  const refused: Refused[] = [];
  const items: BatchItem[] = [];
  for (const operation of operations) {
    const prepared = prepare(session, operation, bodies.get(operation.key));
    if (prepared instanceof SyncError) refused.push({ key: operation.key, ok: false, error: prepared });
    else items.push(prepared);
  }
  const answers = await batch(access, session, inSeriesOrder(items, operations));
  await repeatCollidedCreates(access, session, { operations, items, answers });
  const creates = new Set(operations.filter(({ kind }) => kind === 'create').map(({ key }) => key));
  const settled = await Promise.all(
    operations.map((operation) => settle(access, session, operation, answers.get(operation.key))),
  );
  const outcomes = settled.flatMap((outcome) => {
    if (!outcome) return [];
    return answers.get(outcome.key)?.isRepeated ? repeated(outcome, creates.has(outcome.key)) : outcome;
  });
  return [...refused, ...(await proveDeletions(access, session, operations, outcomes))];
}

/** A write that broke down may have been carried out all the same: repeated, it meets its own work. */
function repeated(outcome: WriteOutcome, isCreate: boolean): WriteOutcome {
  const told = isCreate ? { ...outcome, isRepeated: true } : outcome;
  if (told.ok) return told;
  const { code } = told.error;
  return code === 'precondition-failed' || code === 'not-found' ? { ...told, isCarriedOut: true } : told;
}

/** The body to write in place of the one wanted, or why none can be written. */
type OnlineBody = { readonly body: ItemBody | null } | { readonly error: SyncError };

function prepare(
  session: GraphSession,
  operation: WriteOperation,
  online: OnlineBody | undefined,
): BatchItem | SyncError {
  const { key } = operation;
  switch (operation.kind) {
    case 'create':
      return createItem(session, operation);
    case 'delete':
      return { key, method: 'DELETE', path: eventPath(session, operation.id), ifMatch: operation.etag };
    case 'update': {
      if (online && 'error' in online) return online.error;
      const content = online ? { ...operation.content, body: online.body } : operation.content;
      // What is a series, or may have become one, has to be told that it has no rule, or it would stay one.
      const hasNoRule = operation.seriesMasterId !== undefined || (operation.isSingle && operation.etag !== undefined);
      const endsSeries = !hasNoRule && content.recurrence === null;
      const body = toUpdateBody(content, operation.units, { ...operation, endsSeries });
      return { key, method: 'PATCH', path: eventPath(session, operation.id), ifMatch: operation.etag, body };
    }
  }
}

function createItem(session: GraphSession, operation: Create): BatchItem {
  const { key, calendarId, content, transactionId } = operation;
  // Every create may be sent again after a lost answer; without this it would double.
  assert(transactionId !== '', 'a create needs a transactionId');
  const body = toCreateBody(content, operation);
  return { key, method: 'POST', path: `${calendarPath(session, calendarId)}/events`, body };
}

/** Exchange refuses writes to one series at the same time (graph contract 6.3): those wait for each other. */
function inSeriesOrder(items: readonly BatchItem[], operations: readonly WriteOperation[]): BatchItem[] {
  const seriesByKey = new Map(operations.map((operation) => [operation.key, seriesOf(operation)]));
  const previous = new Map<GraphEventId, string>();
  return items.map((item) => {
    const series = seriesByKey.get(item.key);
    if (series === undefined) return item;
    const after = previous.get(series);
    previous.set(series, item.key);
    return after === undefined ? item : { ...item, after };
  });
}

function seriesOf(operation: WriteOperation): GraphEventId | undefined {
  return operation.kind === 'create' ? undefined : operation.seriesMasterId;
}

async function onlineBodies(
  access: GraphAccess,
  session: GraphSession,
  operations: readonly WriteOperation[],
): Promise<Map<string, OnlineBody>> {
  const updates = operations.filter(
    (operation): operation is Update => operation.kind === 'update' && mayLoseMeeting(operation),
  );
  const bodies = new Map<string, OnlineBody>();
  if (updates.length === 0) return bodies;
  const current = await getEvents(
    access,
    session,
    updates.map(({ id }) => id),
  );
  for (const { key, id, content } of updates) {
    const answer = current.get(id);
    assert(answer, 'a batch answers every item');
    if (!answer.ok) {
      bodies.set(key, { error: answer.error });
      continue;
    }
    const wire = members(answer.body);
    // Taken for an event without a meeting, its join block would be written over.
    if (text(wire['id']) === '') {
      bodies.set(key, { error: new SyncError('unavailable', 'Graph answered without the event') });
      continue;
    }
    const { content: there, facts } = fromWire(wire);
    const joinUrl = facts.onlineMeeting?.joinUrl;
    if (joinUrl === undefined && !there.isOnlineMeeting) continue;
    const body = withJoinBlock(content.body, there.body, joinUrl ?? '');
    bodies.set(key, body ? { body } : { error: joinBlockLost(id) });
  }
  return bodies;
}

/** Guarded by its tag, an event that is no meeting here has not become one there. */
function mayLoseMeeting({ units, content, etag }: Update): boolean {
  return units.includes('body') && (content.isOnlineMeeting || units.includes('isOnlineMeeting') || etag === undefined);
}

function joinBlockLost(id: GraphEventId): SyncError {
  return new SyncError(
    'rejected',
    `the body of online meeting ${id} is left alone: its join block cannot be told from the text, and a body without it would end the meeting; change the text in Outlook`,
    { graphCode: 'JoinBlockNotFound' },
  );
}

/**
 * A create has no older version to collide with: 409 and 412 are Exchange's hiccups (graph contract 14, 32 and 33). One that
 * goes on is a breakdown like any other: it may have made the event all the same, which only another attempt can tell.
 */
async function repeatCollidedCreates(
  access: GraphAccess,
  session: GraphSession,
  sent: { operations: readonly WriteOperation[]; items: readonly BatchItem[]; answers: Map<string, BatchOutcome> },
): Promise<void> {
  const creates = new Set(sent.operations.filter(({ kind }) => kind === 'create').map(({ key }) => key));
  const collided = sent.items.filter(({ key }) => creates.has(key) && isCollision(sent.answers.get(key)));
  for (const [key, outcome] of await batch(access, session, collided)) {
    const error = !outcome.ok && isCollision(outcome) ? told('unavailable', outcome.error) : undefined;
    const isRepeated = outcome.isRepeated ?? sent.answers.get(key)?.isRepeated ?? false;
    sent.answers.set(key, error ? { key, ok: false, error, isRepeated } : { ...outcome, isRepeated });
  }
}

function isCollision(outcome: BatchOutcome | undefined): boolean {
  return outcome?.ok === false && outcome.error.code === 'precondition-failed';
}

async function settle(
  access: GraphAccess,
  session: GraphSession,
  operation: WriteOperation,
  answer: BatchOutcome | undefined,
): Promise<WriteOutcome | undefined> {
  const { key, kind } = operation;
  if (!answer) return undefined;
  const isAnswered = !answer.ok && kind === 'create' && answer.error.code === 'duplicate-transaction';
  if (!answer.ok && !isAnswered) return { key, ok: false, error: answer.error };
  if (kind === 'delete') return { key, ok: true };
  try {
    if (!answer.ok) return kind === 'create' ? await adopt(access, session, operation, answer.error) : undefined;
    return { key, ok: true, event: await toRemoteEvent(access, session, answer.body) };
  } catch (error) {
    // Carried out, but nobody knows what became of it: an outcome of this one, not the loss of all.
    if (isSyncError(error) && error.code !== 'cancelled') return { key, ok: false, error, isCarriedOut: true };
    throw error;
  }
}

/** Our own event, made by an earlier attempt whose answer was lost, if it is still there and really ours. */
async function adopt(
  access: GraphAccess,
  session: GraphSession,
  create: Create,
  error: SyncError,
): Promise<WriteOutcome> {
  const { key, transactionId } = create;
  const existingId = error.details?.['existingEventId'];
  if (typeof existingId !== 'string') return { key, ok: false, error: rejected(error) };
  const id = existingId as GraphEventId;
  const answer = (await getEvents(access, session, [id])).get(id);
  if (answer?.ok) {
    const event = await toRemoteEvent(access, session, answer.body);
    if (event.transactionId === transactionId) return { key, ok: true, event };
  } else if (answer && !isGone(answer.error) && !isDoubtful(answer.error)) {
    return { key, ok: false, error: answer.error, isCarriedOut: true };
  } else if (answer && isGone(answer.error)) {
    // The marker is used up by an event that is not there any more: whoever knows why decides.
    return { key, ok: false, error };
  }
  return { key, ok: false, error: rejected(error) };
}

function rejected(error: SyncError): SyncError {
  return told('rejected', error);
}

/** The same under another code: what Graph said means something else here. */
function told(code: SyncErrorCode, error: SyncError): SyncError {
  return new SyncError(code, error.message, {
    cause: error,
    ...(error.graphCode === undefined ? {} : { graphCode: error.graphCode }),
    ...(error.httpStatus === undefined ? {} : { httpStatus: error.httpStatus }),
    ...(error.graphRequestId === undefined ? {} : { graphRequestId: error.graphRequestId }),
  });
}

/**
 * Deleting what is gone already is a success. Exchange says so with 404, 410 or an `ErrorInvalidRequest` that could mean
 * anything (graph contract 18), so the event itself is asked.
 */
async function proveDeletions(
  access: GraphAccess,
  session: GraphSession,
  operations: readonly WriteOperation[],
  outcomes: readonly WriteOutcome[],
): Promise<WriteOutcome[]> {
  const deletes = new Map(
    operations.filter((operation): operation is Delete => operation.kind === 'delete').map(({ key, id }) => [key, id]),
  );
  const doubtful = outcomes.flatMap((outcome) => {
    const id = deletes.get(outcome.key);
    return id && !outcome.ok && (outcome.error.code === 'not-found' || outcome.error.code === 'rejected') ? [id] : [];
  });
  const proofs = await getEvents(access, session, doubtful);
  return outcomes.map((outcome) => {
    const proof = proofs.get(deletes.get(outcome.key) ?? '');
    return proof && !proof.ok && isGone(proof.error) ? { key: outcome.key, ok: true, wasGone: true } : outcome;
  });
}
