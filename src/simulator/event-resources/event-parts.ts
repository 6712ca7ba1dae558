import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { noContent, type RouteContext, requireMethod } from '../http/routing.ts';
import type { Actor, FoundEvent } from '../mailbox/event-operations.ts';
import { answerAttachments } from './attachment-routes.ts';
import { dismissReminder, forwardEvent, snoozeReminder } from './event-actions.ts';
import { answerExtensions } from './extension-routes.ts';

const ACTIONS = {
  forward: { carryOut: forwardEvent, status: 202 },
  dismissreminder: { carryOut: dismissReminder, status: 200 },
  snoozereminder: { carryOut: snoozeReminder, status: 200 },
} as const;

/** What hangs below one event, `segments` after its id; undefined when they name something else. */
export function answerEventPart(
  context: RouteContext,
  actor: Actor,
  found: FoundEvent,
  segments: string[],
): SimulatedResponse | undefined {
  const [first = '', ...rest] = segments;
  const name = first.toLowerCase();
  if (name === 'attachments') return answerAttachments(context, actor, found, rest);
  if (name === 'extensions') return answerExtensions(context, actor, found, rest);
  if (rest.length > 0 || !Object.hasOwn(ACTIONS, name)) return undefined;
  requireMethod(context, 'POST');
  const { carryOut, status } = ACTIONS[name as keyof typeof ACTIONS];
  carryOut(actor, found, (readJson(context.request) ?? {}) as Record<string, unknown>);
  return noContent(status);
}
