import { Type } from 'typebox';
import { ODDITIES, type Oddity, type RawEvent } from '../misfortunes/odd-data.ts';
import { wrong } from './control-error.ts';
import { bodyRoute, type ControlRoute, route } from './control-route.ts';
import { calendarOf, eventOf, mailboxOf, shown, tried, VIEW_QUERY } from './lookups.ts';
import { OneOf, Strict } from './shapes.ts';

const ONE = '/mailboxes/{mailbox}';
const Flag = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const Misfortunes = Strict(
  {
    unreachable: Type.Optional(
      Type.Unsafe<'gone' | null>({
        enum: ['on-premises', 'unlicensed', 'soft-deleted', 'moving', 'store-unavailable', 'gone', null],
      }),
    ),
    staleByUpn: Flag,
    full: Flag,
    sendingLimit: Flag,
    accessPolicy: Flag,
  },
  { minProperties: 1 },
);
const Anything = Type.Unsafe<Record<string, unknown>>({ type: 'object' });
const Damage = Strict(
  {
    oddity: Type.Optional(OneOf(Object.keys(ODDITIES) as Oddity[])),
    content: Type.Optional(Anything),
    shown: Type.Optional(Anything),
  },
  { minProperties: 1 },
);

/** What befalls a mailbox as a whole, and its stored data. */
export const MISFORTUNE_ROUTES: readonly ControlRoute[] = [
  route(
    `GET ${ONE}/misfortunes`,
    'what is wrong with the mailbox',
    (context) => mailboxOf(context).misfortunes.current,
  ),
  bodyRoute(
    `PATCH ${ONE}/misfortunes`,
    'unreachable, full, sending limit, access policy; null takes one away',
    Misfortunes,
    (context) => {
      const { misfortunes } = mailboxOf(context);
      const wanted = Object.entries(context.body).map(([name, value]) => [name, value ?? undefined]);
      tried(() => misfortunes.set(Object.fromEntries(wanted)));
      return misfortunes.current;
    },
  ),
  route(`DELETE ${ONE}/misfortunes`, 'all is well again', (context) => mailboxOf(context).misfortunes.clear()),
  bodyRoute(
    `POST ${ONE}/restore-from-backup`,
    'every id is another, delta links and subscriptions are dead; of a snapshot, or of now',
    Strict({ snapshot: Type.Optional(Anything) }),
    (context) => {
      const { snapshot } = context.body;
      tried(() =>
        mailboxOf(context).misfortunes.restoreFromBackup(snapshot === undefined ? undefined : JSON.stringify(snapshot)),
      );
    },
    { isBodyOptional: true },
  ),
  bodyRoute(
    `POST ${ONE}/calendars/{calendar}/empty`,
    'all events of a calendar are gone at once',
    Strict({}),
    (context) => {
      const mailbox = mailboxOf(context);
      mailbox.misfortunes.emptyCalendar(calendarOf(mailbox, context.params['calendar']!).id);
    },
    { isBodyOptional: true },
  ),
  bodyRoute(
    `POST ${ONE}/events/{id}/corrupt`,
    'stored data no request could have written: a known oddity, or `content` and `shown`',
    Damage,
    (context) => {
      const mailbox = mailboxOf(context);
      const { oddity, ...raw } = context.body;
      if (oddity !== undefined && Object.keys(raw).length > 0)
        throw wrong('oddity', 'stands alone, without content and shown');
      const id = context.params['id']!;
      mailbox.misfortunes.corrupt(id, oddity ?? (raw as RawEvent));
      return shown(mailbox, context.query, [eventOf(mailbox, id)])[0];
    },
    { query: VIEW_QUERY },
  ),
];
