import { expect, it } from 'vitest';
import { type DocumentedExchange, documentedExchanges, documentedFragments } from './examples/documented.ts';
import { EXAMPLE_EXCEPTIONS, PART_EXCEPTIONS } from './examples/exceptions.ts';
import { shortfalls } from './examples/shape.ts';
import { ExampleWorld } from './examples/world.ts';
import { describeWithShared } from './shared-data.ts';
import { MEETING, RICH } from './tour/bodies.ts';
import { type Reply, Traveller } from './traveller.ts';

/** Of examples that show a request only. */
const USUAL: Readonly<Record<string, number>> = { GET: 200, POST: 201, PATCH: 200, DELETE: 204 };

/** What completes a fragment of a recurrence. */
const EVERY_DAY = { pattern: { type: 'daily', interval: 1 }, range: { type: 'noEnd', startDate: '2017-08-29' } };

/** Enumerations are taken in any case and said in lower. */
const lowerCased = (value: object): object =>
  JSON.parse(JSON.stringify(value), (_, each) =>
    typeof each === 'string' ? each[0]!.toLowerCase() + each.slice(1) : each,
  ) as object;

/** Only where there are some, and asked for: parts of a series, properties of applications. */
const SELECTED_ONLY = new Set([
  'exceptionOccurrences',
  'cancelledOccurrences',
  'instances',
  'originalStart',
  'extensions',
  'singleValueExtendedProperties',
  'multiValueExtendedProperties',
]);

describeWithShared('graph-examples', "Microsoft's published examples", () => {
  it('are answered as documented, but for those listed', async () => {
    const documented = documentedExchanges();
    const used = new Map<object, number>();
    const use = (exception: object) => used.set(exception, (used.get(exception) ?? 0) + 1);
    const failures: string[] = [];
    let replayed = 0;
    for (const each of documented) {
      const complaints = (await complaintsOf(each)).filter((complaint) => {
        const exception = PART_EXCEPTIONS.find(
          ({ part, files }) => part.test(complaint) && (files ?? /^/).test(each.file),
        );
        if (exception !== undefined) use(exception);
        return exception === undefined;
      });
      const exception =
        complaints.length === 0 ? undefined : EXAMPLE_EXCEPTIONS.find(({ files }) => files.test(each.file));
      if (exception !== undefined) use(exception);
      else if (complaints.length > 0)
        failures.push(`${each.file} (${each.request?.method} ${each.request?.url}): ${complaints.join('; ')}`);
      else replayed += 1;
    }
    const all = [...EXAMPLE_EXCEPTIONS, ...PART_EXCEPTIONS];
    console.log(
      [
        `${replayed} of ${documented.length} examples answered as documented`,
        ...EXAMPLE_EXCEPTIONS.map((each) => `  ${used.get(each) ?? 0} not: ${each.reason}`),
        'parts left out of the comparison:',
        ...PART_EXCEPTIONS.map((each) => `  ${used.get(each) ?? 0} × ${each.part.source}: ${each.reason}`),
      ].join('\n'),
    );
    expect(failures).toEqual([]);
    expect(
      all.filter((each) => !used.has(each)).map(({ reason }) => reason),
      'exceptions nothing needs',
    ).toEqual([]);
    expect(replayed).toBeGreaterThan(50);
  });

  it('are taken where they are parts of an event: patterns and ranges', async () => {
    const fragments = documentedFragments().filter(
      ({ file, body }) => /^concept/.test(file) && ('pattern' in body || 'range' in body || 'recurrence' in body),
    );
    expect(fragments).toHaveLength(6);
    for (const { file, body } of fragments) {
      const t = new Traveller();
      const sent = (body['recurrence'] ?? body) as Partial<typeof EVERY_DAY>;
      const recurrence = { ...EVERY_DAY, ...sent };
      const { startDate } = recurrence.range;
      const times = (time: string) => ({ dateTime: `${startDate}T${time}:00`, timeZone: 'UTC' });
      const event = { subject: file, start: times('09:00'), end: times('10:00'), recurrence };
      const { status, body: created } = await t.post(`/users/${t.mailbox.address}/events`, event);
      expect(status, file).toBe(201);
      expect(created.recurrence, file).toMatchObject(lowerCased(sent));
    }
  });

  it('name the properties our calendars, events and permissions have', async () => {
    const t = new Traveller();
    const root = `/users/${t.mailbox.address}`;
    const event = (await t.post(`${root}/events`, { ...RICH, ...MEETING })).body.id as string;
    const ours: Record<string, Reply> = {
      'res-calendar-01-json': await t.get(`${root}/calendar`),
      'res-calendarpermission-01-json': await t.get(`${root}/calendar/calendarPermissions`),
      'res-event-01-json': await t.get(`${root}/events/${event}?$select=*&$expand=attachments,extensions,calendar`),
    };
    for (const { file, body } of documentedFragments().filter(({ file }) => file in ours)) {
      const answer = ours[file]!.body;
      const names = Object.keys(answer.value?.[0] ?? answer);
      const missing = Object.keys(body).filter((name) => !names.includes(name) && !SELECTED_ONLY.has(name));
      expect(missing, file).toEqual([]);
    }
  });

  it('of batches are taken: ordered ones, and answers of their shape', async () => {
    const t = new Traveller();
    const batches = documentedFragments().filter(
      ({ body }) => 'requests' in body && JSON.stringify(body).includes('...'),
    );
    expect(batches).toHaveLength(2);
    const path = `/users/${t.mailbox.address}/calendar`;
    for (const { body } of batches) {
      const requests = (body['requests'] as object[]).map((each) => ({ ...each, url: path }));
      const { status, body: answer } = await t.post('/$batch', { requests });
      expect(status).toBe(200);
      expect(answer.responses.map((each: { status: number }) => each.status)).toEqual([200, 200, 200, 200]);
      expect(shortfalls({ responses: [{ id: '1', status: 200, headers: {}, body: {} }] }, answer)).toEqual([]);
    }
  });

  it('would fail a comparison that matters', () => {
    const documented = { id: 'x', value: [{ subject: '', start: { dateTime: '', timeZone: '' } }], isAllDay: false };
    expect(shortfalls(documented, structuredClone(documented))).toEqual([]);
    expect(shortfalls(documented, { id: 5, value: [{ subject: '', start: { dateTime: '' } }] })).toEqual([
      'id: number for a string',
      'value[].start.timeZone: missing',
      'isAllDay: missing',
    ]);
    expect(shortfalls(documented, { ...documented, value: [] })).toEqual(['value: empty']);
  });
});

async function complaintsOf(documented: DocumentedExchange): Promise<string[]> {
  const { request, response } = documented;
  if (request === undefined) return ['no request is known'];
  const reply = await new ExampleWorld(documented).replay(request);
  const status = response?.status ?? usualStatus(request.method, request.url);
  if (reply.status !== status) return [`${reply.status} instead of ${status}, ${reply.body?.error?.message ?? ''}`];
  const headers = Object.entries(response?.headers ?? {})
    .filter(([name]) => /^(preference-applied|retry-after)$/i.test(name))
    .filter(([name, value]) => !reply.headers.get(name)?.includes(value))
    .map(([name, value]) => `header ${name}: ${reply.headers.get(name)} for ${value}`);
  return [...headers, ...shortfalls(response?.body, reply.body)];
}

function usualStatus(method: string, url: string): number | undefined {
  if (/\/(accept|decline|tentativelyAccept|cancel|forward)$/i.test(url)) return 202;
  return /(\$batch|getSchedule)$/i.test(url) ? 200 : USUAL[method];
}
