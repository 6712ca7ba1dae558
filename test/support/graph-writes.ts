import type { Unit } from '../../src/core/canonical-event.ts';
import type { EventContent } from '../../src/core/event.ts';
import type { RemoteEvent, WriteOperation, WriteOutcome } from '../../src/graph/calendar-graph.ts';
import { anEvent } from './events.ts';
import { answered, type openGraphWorld } from './graph-world.ts';

/** Operations on a mailbox as the engine sends them, for the specs of writing. */

export type World = ReturnType<typeof openGraphWorld>;
export type Update = Extract<WriteOperation, { kind: 'update' }>;

export const creation = (
  world: World,
  key: string,
  content: EventContent = anEvent(),
  transactionId = `t-${key}`,
): WriteOperation => ({
  kind: 'create',
  key,
  calendarId: world.calendarId,
  content,
  transactionId,
  sendAttendees: false,
});
export const change = (
  event: RemoteEvent,
  content: Partial<EventContent>,
  units: Unit[],
  more: Partial<Update> = {},
): Update => ({
  kind: 'update',
  key: event.id,
  id: event.id,
  etag: event.etag,
  content: { ...event.content, ...content },
  units,
  sendAttendees: false,
  ...more,
});
export const deletion = (
  { id, etag }: Pick<RemoteEvent, 'id'> & { etag?: string },
  key: string = id,
): WriteOperation => ({
  kind: 'delete',
  key,
  id,
  etag,
});

export async function make(world: World, content: EventContent = anEvent(), key = 'made'): Promise<RemoteEvent> {
  const made = answered(await world.graph.write(world.session, [creation(world, key, content)]));
  world.sim.clearLog();
  return made[key]!;
}

export const errorCodes = (outcomes: readonly WriteOutcome[]) =>
  Object.fromEntries(outcomes.map((outcome) => [outcome.key, outcome.ok ? 'ok' : outcome.error.code]));
export const writes = ({ sim }: World) =>
  sim.writes().map(({ method, body, headers }) => ({ method, body, ifMatch: headers['if-match'] }));
