import { GraphError } from '../../../src/simulator/index.ts';
import { withoutAnnotations } from '../published-types.ts';
import { aSeries, MEETING, RICH } from '../tour/bodies.ts';
import { type Reply, Traveller } from '../traveller.ts';
import type { DocumentedExchange, DocumentedRequest } from './documented.ts';

type Body = Record<string, unknown>;

/** An event that has something in every property. */
const EVENT = { ...RICH, ...MEETING };

/** A simulator furnished for one example: what its addresses name is there, and its answers have something to show. */
export class ExampleWorld {
  readonly t = new Traveller();
  readonly #documented: DocumentedExchange;
  #root = `/users/${this.t.mailbox.address}`;
  /** Where events lie that the documentation gives no times of. */
  #begin = '2017-01-03T09:00:00Z';
  #loaded = 0;
  #calendarId = this.t.mailbox.defaultCalendarId;

  constructor(documented: DocumentedExchange) {
    this.#documented = documented;
  }

  async replay(request: DocumentedRequest): Promise<Reply> {
    if (request.url.startsWith('/me')) {
      this.#root = '/me';
      this.t.token = this.t.signedIn(this.t.mailbox.address);
    }
    const { method, headers, body } = request;
    const opens = (body as { StartTime?: { dateTime: string } } | undefined)?.StartTime;
    // Hours later: the documented zone lies west.
    if (opens) this.#begin = new Date(Date.parse(`${opens.dateTime}Z`) + 9 * 3_600_000).toISOString();
    const path = await this.#furnished(request.url, method);
    // What was applied had been asked for, whether the page shows that or not.
    const applied = this.#documented.response?.headers['Preference-Applied'];
    const prefer = [headers['Prefer'] ?? headers['prefer'] ?? applied ?? [], this.#pageSize()].flat();
    const { status } = this.#documented.response ?? {};
    if (status === 429) this.t.sim.failNext({ like: 'too-many-requests' });
    const sent = this.#substituted(body ?? this.#impliedBody(method, path));
    return this.t.call(method, path, sent, prefer.length === 0 ? {} : { prefer: prefer.join(', ') });
  }

  get #answer(): Body {
    return (this.#documented.response?.body ?? {}) as Body;
  }

  /** Where the documentation shows a page with a successor, ours has to end there as well. */
  #pageSize(): string[] {
    const { value } = this.#answer;
    return '@odata.nextLink' in this.#answer && Array.isArray(value) ? [`odata.maxpagesize=${value.length}`] : [];
  }

  /** Answers that are shown without the body they answer: what was sent is among what came back. */
  #impliedBody(method: string, path: string): Body | undefined {
    if (path.endsWith('/snoozeReminder'))
      return { newReminderTime: { dateTime: '2026-03-04T08:45:00', timeZone: 'UTC' } };
    if (path.endsWith('/extensions'))
      return { '@odata.type': '#microsoft.graph.openTypeExtension', ...this.#extension() };
    if (method !== 'POST' && method !== 'PATCH') return undefined;
    const { name, subject, start, end, body, attendees, location } = this.#answer;
    const implied = { name, subject, start, end, body, attendees, location };
    const sent = Object.entries(implied).filter(([, value]) => value !== undefined);
    return sent.length === 0 ? undefined : Object.fromEntries(sent);
  }

  /** The documented path with ids of things that exist here; makes them on the way. */
  async #furnished(url: string, method: string): Promise<string> {
    const [path, query] = url.split('?');
    const begin = /startdatetime=(\d[^&]*)/i.exec(query ?? '')?.[1];
    if (begin !== undefined) this.#begin = new Date(Date.parse(begin) + 3_600_000).toISOString();
    if (/token=/.test(query ?? '')) return this.#laterPage(query!.includes('$deltatoken'));
    const segments = path!.split('/').filter((segment) => segment !== '');
    const made: string[] = [];
    for (const [index, segment] of segments.entries()) {
      const before = segments[index - 1]?.toLowerCase() ?? '';
      const action = segments[index + 1]?.toLowerCase() ?? '';
      const below = `/${made.join('/')}`;
      if (index === 0 && segment === 'me') made.push(...this.#root.split('/').slice(1));
      else made.push(isFixed(segment, before) ? segment : await this.#thing(before, action, below, method));
    }
    if (method === 'GET') await this.#members(`/${made.join('/')}`);
    if (/getschedule$/i.test(path!)) this.#load({});
    return `/${made.join('/')}${query === undefined ? '' : `?${windowed(query)}`}`;
  }

  async #thing(kind: string, action: string, below: string, method: string): Promise<string> {
    switch (kind) {
      case 'users':
        return this.t.mailbox.address;
      case 'calendars':
        this.#calendarId = this.t.mailbox.addCalendar('Documented');
        return this.#calendarId;
      case 'events':
        return this.#event(action);
      case 'calendarpermissions':
        return this.#post(below, { emailAddress: { name: 'Ben', address: 'ben@example.com' }, role: 'read' });
      case 'calendargroups':
        return this.#group(below, method);
      case 'attachments':
        return this.#post(below, {
          '@odata.type': '#microsoft.graph.fileAttachment',
          name: 'menu.txt',
          contentBytes: 'bWFj',
          contentId: 'menu',
          contentLocation: 'https://example.com/menu',
        });
      case 'subscriptions':
        return this.#post(below, this.#subscription());
      default:
        return 'unknown';
    }
  }

  /** What a list has to show. */
  async #members(path: string): Promise<void> {
    if (/(events|calendarview|delta)$/i.test(path)) this.#events();
    const { value } = this.#answer;
    if (!Array.isArray(value) || value.length === 0) return;
    if (/calendarPermissions$/i.test(path)) await this.#thing('calendarpermissions', '', path, 'GET');
    if (/attachments$/i.test(path)) await this.#thing('attachments', '', path, 'GET');
    if (/subscriptions$/i.test(path)) await this.#thing('subscriptions', '', path, 'GET');
  }

  async #group(below: string, method: string): Promise<string> {
    const id = await this.#post(below, { name: 'Documented' });
    if (method !== 'DELETE') await this.t.post(`${below}/${id}/calendars`, { name: 'In the group' });
    return id;
  }

  async #post(path: string, body: unknown): Promise<string> {
    const { body: answer } = await this.t.post(path, body);
    return (answer?.id as string | undefined) ?? 'unknown';
  }

  /** An open extension as it was sent: what came back, without what the service adds. */
  #extension(): Body {
    const { id: _id, ...sent } = withoutAnnotations(this.#answer) as Body;
    return sent;
  }

  #subscription(): Body {
    const expirationDateTime = new Date(this.t.sim.now() + 86_400_000).toISOString();
    const notificationUrl = 'https://hooks.example.com/graph';
    return {
      changeType: 'updated',
      resource: `${this.#root}/events`,
      notificationUrl,
      expirationDateTime,
      lifecycleNotificationUrl: notificationUrl,
      clientState: 'documented',
    };
  }

  /** The event a request is about: one to answer, one to call off, a series, or the one of the documented answer. */
  #event(action: string): string {
    const { mailbox } = this.t;
    const in_ = { calendarId: this.#calendarId };
    if (/^(accept|decline|tentativelyaccept)$/.test(action)) {
      const organizer = { emailAddress: { name: 'Vic', address: 'vic@example.org' } };
      return mailbox.addForeignMeeting({ ...EVENT, organizer }, in_).id;
    }
    if (action === 'instances' || this.#answer['exceptionOccurrences']) return this.#series();
    return this.#load(this.#answer);
  }

  #series(): string {
    const { mailbox } = this.t;
    const id = mailbox.createEvent(at2019(aSeries())).id;
    mailbox.updateOccurrence(id, '2019-04-15', { subject: 'Moved', bodyPreview: '' });
    mailbox.deleteOccurrence(id, '2019-04-22');
    return id;
  }

  #events(): void {
    const { value } = this.#answer;
    const listed = Array.isArray(value) && value.length > 0 ? (value as Body[]) : [{}];
    for (const event of listed) if (!('@removed' in event)) this.#load(event);
    if (this.#pageSize().length > 0) this.#load({});
  }

  /** Puts a documented event into the calendar, or one of our own where the documentation has placeholders. */
  #load(documented: Body): string {
    const event = withoutAnnotations(documented) as Body;
    const { mailbox } = this.t;
    try {
      if (event['start'] === undefined || event['end'] === undefined) throw new GraphError(400, 'placeholder', '');
      return mailbox.createEvent(event, { calendarId: this.#calendarId }).id;
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      const at = (hours: number) => ({
        dateTime: new Date(Date.parse(this.#begin) + hours * 3_600_000).toISOString().slice(0, 19),
        timeZone: 'UTC',
      });
      this.#loaded += 1;
      const own = { ...EVENT, start: at(0), end: at(1), transactionId: `documented ${this.#loaded}` };
      return mailbox.createEvent(own, { calendarId: this.#calendarId }).id;
    }
  }

  /** A page that follows: of a first round, or of the round after it, in which an event has gone. */
  async #laterPage(isNextRound: boolean): Promise<string> {
    const view = `${this.#root}/calendarView/delta?startDateTime=2016-12-01T00:00:00Z&endDateTime=2017-03-01T00:00:00Z`;
    this.#load({});
    this.#events();
    const doomed = this.#load({});
    if (!isNextRound) {
      const { body } = await this.t.get(view, { prefer: 'odata.maxpagesize=1' });
      return body['@odata.nextLink'] as string;
    }
    const { deltaLink } = await this.t.pages(view);
    this.t.mailbox.deleteEvent(doomed);
    this.#events();
    return deltaLink;
  }

  #substituted(body: unknown): unknown {
    if (typeof body !== 'object' || body === null) return body;
    const sent = { ...(body as Body) };
    if ('notificationUrl' in sent) return { ...this.#subscription(), latestSupportedTlsVersion: 'v1_2' };
    if ('Schedules' in sent) sent['Schedules'] = [this.t.mailbox.address];
    if ('expirationDateTime' in sent) sent['expirationDateTime'] = this.#subscription()['expirationDateTime'];
    return sent;
  }
}

const at2019 = (series: ReturnType<typeof aSeries>) => ({
  ...series,
  start: { dateTime: '2019-04-08T20:30:00', timeZone: 'UTC' },
  end: { dateTime: '2019-04-08T21:00:00', timeZone: 'UTC' },
  recurrence: { ...series.recurrence, range: { type: 'numbered', startDate: '2019-04-08', numberOfOccurrences: 4 } },
});

/** Whether a segment is a name of the API and no key; keys follow collections. */
function isFixed(segment: string, before: string): boolean {
  const isAfterCollection =
    /^(users|groups|calendars|calendargroups|events|attachments|calendarpermissions|subscriptions|extensions|messages)$/.test(
      before,
    );
  return !isAfterCollection || /^(delta(\(\))?|\$count)$/i.test(segment);
}

/** Placeholders of times get some. */
const windowed = (query: string): string =>
  query.replace('{start_datetime}', '2017-01-01T00:00:00Z').replace('{end_datetime}', '2017-02-01T00:00:00Z');
