import { createHash } from 'node:crypto';
import { GraphError, itemNotFound, unreadableBody } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import {
  metadataUrl,
  noContent,
  noSuchSegment,
  ok,
  type RouteContext,
  requireMethod,
  userUrl,
} from '../http/routing.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { MailboxState } from '../mailbox/model.ts';

type Category = NonNullable<MailboxState['categories']>[number];

const COLORS = new Set(['none', ...Array.from({ length: 25 }, (_, at) => `preset${at}`)]);
/** What a mailbox has before anybody changes its list. */
const FIRST: readonly [string, string][] = [
  ['Red category', 'preset0'],
  ['Orange category', 'preset1'],
  ['Yellow category', 'preset3'],
  ['Green category', 'preset4'],
  ['Blue category', 'preset7'],
  ['Purple category', 'preset8'],
];

/** `outlook/masterCategories` (Microsoft Graph "outlookCategory"). Events may carry names that are not on the list. */
export function answerMasterCategories(context: RouteContext, rest: string[]): SimulatedResponse {
  const [id, ...more] = rest;
  if (more.length > 0) throw noSuchSegment(more[0]!);
  const { mailbox } = context;
  if (id === undefined) return answerList(context);
  requireMethod(context, 'GET', 'PATCH', 'DELETE');
  const list = categoriesOf(mailbox);
  const category = list.find((each) => each.id.toLowerCase() === id.toLowerCase());
  if (category === undefined) throw itemNotFound();
  if (context.request.method === 'DELETE') {
    save(
      mailbox,
      list.filter((each) => each !== category),
    );
    return noContent();
  }
  if (context.request.method === 'GET') return entity(context, category);
  const { displayName, color } = readCategory(readJson(context.request));
  if (displayName !== undefined && displayName !== category.displayName) {
    throw new GraphError(400, 'ErrorInvalidPropertySet', "The property 'displayName' is read-only and cannot be set.");
  }
  const after = { ...category, color: color ?? category.color };
  save(
    mailbox,
    list.map((each) => (each === category ? after : each)),
  );
  return entity(context, after);
}

function answerList(context: RouteContext): SimulatedResponse {
  requireMethod(context, 'GET', 'POST');
  const { mailbox, world, request } = context;
  const list = categoriesOf(mailbox);
  if (request.method === 'GET') {
    return ok({ '@odata.context': metadataUrl(context, 'outlook/masterCategories'), value: list });
  }
  const { displayName, color } = readCategory(readJson(request));
  if (displayName === undefined || displayName.trim() === '') {
    throw new GraphError(
      400,
      'ErrorRequiredPropertyMissing',
      'Required property is missing. PropertyName: DisplayName',
    );
  }
  if (list.some((each) => each.displayName.toLowerCase() === displayName.toLowerCase())) {
    throw new GraphError(409, 'CategoryNameDuplicate', 'A category with the specified name already exists.');
  }
  const category = { id: world.guid(), displayName, color: color ?? 'none' };
  save(mailbox, [...list, category]);
  return entity(context, category, 201);
}

function entity(context: RouteContext, category: Category, status: 200 | 201 = 200): SimulatedResponse {
  const path = 'outlook/masterCategories';
  const headers: Record<string, string> =
    status === 201 ? { location: `${userUrl(context)}/${path}('${category.id}')` } : {};
  return ok({ '@odata.context': metadataUrl(context, `${path}/$entity`), ...category }, status, headers);
}

function categoriesOf({ state }: Mailbox): readonly Category[] {
  return state.categories ?? FIRST.map(([displayName, color]) => ({ id: idFor(state.id, color), displayName, color }));
}

function idFor(mailboxId: string, color: string): string {
  const hex = createHash('sha256').update(`${mailboxId} ${color}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

function save(mailbox: Mailbox, categories: Category[]): void {
  mailbox.state.categories = categories;
  mailbox.markDirty();
}

function readCategory(body: unknown): { displayName?: string; color?: string } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw unreadableBody('The request body is expected to be a JSON object of type microsoft.graph.outlookCategory.');
  }
  const input: { displayName?: string; color?: string } = {};
  for (const [name, value] of Object.entries(body)) {
    if (name.includes('@odata.') || name === 'id') continue;
    if (name !== 'displayName' && name !== 'color') {
      throw unreadableBody(
        `The property '${name}' does not exist on type 'microsoft.graph.outlookCategory'. Make sure to only use property names that are defined by the type.`,
      );
    }
    if (typeof value !== 'string') {
      throw unreadableBody(`Cannot convert the value of '${name}' to the expected type 'Edm.String'.`);
    }
    input[name] = name === 'color' ? value.toLowerCase() : value;
  }
  if (input.color !== undefined && !COLORS.has(input.color)) {
    throw unreadableBody(`Requested value '${input.color}' was not found.`);
  }
  return input;
}
