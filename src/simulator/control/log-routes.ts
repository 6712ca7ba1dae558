import { Type } from 'typebox';
import type { RequestLogEntry } from '../http/request-log.ts';
import { wrong } from './control-error.ts';
import { bodyRoute, type ControlContext, type ControlRoute, route } from './control-route.ts';
import { instantOf, mailboxOf } from './lookups.ts';
import { Strict } from './shapes.ts';
import { flag } from './validation.ts';

const FILTERS = ['mailbox', 'method', 'status', 'writes', 'since', 'limit'] as const;

export const LOG_ROUTES: readonly ControlRoute[] = [
  route('GET /requests', 'what clients asked Graph, oldest first; items of a batch stand below it', listRequests, {
    query: FILTERS,
  }),
  route('DELETE /requests', 'forgets requests and high-water marks', ({ simulator }) => simulator.clearRequests()),
  route(
    'GET /outbox',
    'mails Exchange would have sent',
    (context) => {
      const { mailbox, kind } = context.query;
      const from = mailbox === undefined ? undefined : mailboxOf(context, mailbox).address;
      return context.simulator.outbox.filter(
        (mail) => (from === undefined || mail.mailbox === from) && (kind === undefined || mail.kind === kind),
      );
    },
    { query: ['mailbox', 'kind'] },
  ),
  route('DELETE /outbox', 'forgets the mails', ({ simulator }) => simulator.clearOutbox()),
  route('GET /concurrency', 'most requests at once per mailbox since the log was cleared', ({ simulator }) =>
    Object.fromEntries(simulator.mailboxes.map(({ address }) => [address, simulator.concurrencyHighWater(address)])),
  ),
  bodyRoute(
    'POST /expire-delta-tokens',
    'every delta link issued so far answers 410, of one mailbox or of all',
    Strict({ mailbox: Type.Optional(Type.String()) }),
    (context) => {
      const { mailbox } = context.body;
      context.simulator.expireDeltaTokens(mailbox === undefined ? undefined : mailboxOf(context, mailbox).address);
    },
    { isBodyOptional: true },
  ),
];

function listRequests(context: ControlContext<undefined>): RequestLogEntry[] {
  const { simulator, query } = context;
  const address = query['mailbox'] === undefined ? undefined : mailboxOf(context, query['mailbox']).address;
  const method = query['method']?.toUpperCase();
  const status = wholeNumber(query, 'status');
  const isLater = sinceFilter(query['since']);
  const concerns = (entry: RequestLogEntry): boolean =>
    entry.mailbox === address || entry.children.some((child) => child.mailbox === address);
  const found = (flag(query, 'writes') ? simulator.writes() : simulator.requests).filter(
    (entry) =>
      (address === undefined || concerns(entry)) &&
      (method === undefined || entry.method === method) &&
      (status === undefined || entry.status === status) &&
      isLater(entry),
  );
  const limit = wholeNumber(query, 'limit');
  return limit === undefined ? found : found.slice(Math.max(0, found.length - limit));
}

/** After a request's number, or at and after an instant. */
function sinceFilter(since: string | undefined): (entry: RequestLogEntry) => boolean {
  if (since === undefined) return () => true;
  if (/^\d{1,15}$/.test(since)) return ({ seq }) => seq > Number(since);
  const ms = instantOf('since', since);
  return ({ at }) => Date.parse(at) >= ms;
}

function wholeNumber(query: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw wrong(name, 'must be a whole number');
  return Number(text);
}
