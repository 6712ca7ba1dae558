import { beforeAll, expect, it } from 'vitest';
import { described, spelled } from './described.ts';
import { CONTRADICTIONS, GAPS, NOT_ANSWERED, UNKNOWN_NAMES } from './description-gaps.ts';
import { describeWithShared } from './shared-data.ts';
import { takeTour } from './tour/tour.ts';
import type { Exchange } from './traveller.ts';
import { WireSchema } from './wire-schema.ts';

describeWithShared('graph-openapi', "once around the simulator, held against Microsoft's description", () => {
  let schema: WireSchema;
  let exchanges: readonly Exchange[];
  beforeAll(async () => {
    schema = new WireSchema();
    exchanges = (await takeTour()).exchanges;
  });

  it('is held against schemas that say no', () => {
    for (const { name, requestSchema, responses } of schema.operations.values()) {
      for (const each of [requestSchema, ...responses.values()]) {
        // Throws for what cannot be compiled; a number is no answer of any operation.
        if (each !== undefined && !name.includes('$count')) expect(schema.complaints(5, each), name).not.toEqual([]);
      }
    }
    const wrong: [string, object][] = [
      ['event', { subject: 5 }],
      ['event', { attendees: [{ type: 'boss' }] }],
      ['event', { start: { dateTime: 20260302 } }],
      ['event', { recurrence: { pattern: { type: 'hourly' } } }],
      ['event', { createdDateTime: 'yesterday' }],
      ['calendar', { color: 'mauve' }],
      ['calendar', { owner: 'Ada' }],
      ['calendarPermission', { role: 'owner' }],
      ['subscription', { expirationDateTime: '2026-03-08' }],
      ['scheduleInformation', { scheduleItems: {} }],
      ['mailboxSettings', { workingHours: { daysOfWeek: ['Funday'] } }],
      ['ODataErrors.ODataError', { error: { code: 404, message: '' } }],
    ];
    for (const [type, body] of wrong) {
      expect(schema.complaints(body, schema.schema(`microsoft.graph.${type}`)), JSON.stringify(body)).not.toEqual([]);
    }
  });

  it('answers what the description says, with the statuses it says', () => {
    const complaints = exchanges.flatMap((exchange) => {
      const { operation, gap } = described(schema, exchange);
      if (operation === undefined && gap === undefined) return [`${label(exchange)}: the description has no such path`];
      const answer = answerSchema(schema, exchange);
      if (answer === 'undescribed') return [`${label(exchange)}: the description has no such status`];
      if (answer === undefined)
        return exchange.body === undefined || gap || /count$/.test(exchange.path)
          ? []
          : [`${label(exchange)}: has a body`];
      return schema.complaints(exchange.body, answer).map((complaint) => `${label(exchange)}: ${complaint}`);
    });
    const unexpected = complaints.filter((each) => !CONTRADICTIONS.some(({ complaint }) => complaint.test(each)));
    expect(counted(unexpected)).toEqual({});
    const unused = CONTRADICTIONS.filter(({ complaint }) => !complaints.some((each) => complaint.test(each)));
    expect(unused).toEqual([]);
  });

  it('names nothing in its answers that neither the description nor a recording has', () => {
    const unknown = exchanges.flatMap((exchange) => {
      const answer = answerSchema(schema, exchange);
      return typeof answer === 'object' ? schema.unknownNames(exchange.body, answer) : [];
    });
    expect([...new Set(unknown)].sort()).toEqual(Object.keys(UNKNOWN_NAMES).sort());
  });

  it('takes no body that the description refuses', () => {
    let checked = 0;
    for (const exchange of exchanges) {
      const expected = described(schema, exchange).operation?.requestSchema;
      if (expected === undefined || typeof exchange.request !== 'object') continue;
      const complaints = schema.complaints(spelled(exchange.request, schema.properties(expected)), expected);
      if (complaints.length > 0) expect(exchange.status, `${label(exchange)}: ${complaints.join('; ')}`).toBe(400);
      else checked += 1;
    }
    expect(checked).toBeGreaterThan(200);
  });

  it('gives every answer the headers and the context Graph gives', () => {
    for (const exchange of exchanges) {
      const { status, headers, body } = exchange;
      if (headers.has('request-id')) expect(headers.get('client-request-id'), label(exchange)).not.toBeNull();
      expect(
        [...headers.keys()].filter((name) => /ratelimit/i.test(name)),
        label(exchange),
      ).toEqual([]);
      if ([202, 204].includes(status)) expect(body, label(exchange)).toBeUndefined();
      // The refusal of a batch item that was never run comes from the batch, not from a service.
      if (status >= 400 && status !== 424 && typeof body === 'object')
        expect(body, label(exchange)).toHaveProperty('error.innerError');
      if (status === 200 && exchange.method === 'GET' && typeof body === 'object')
        expect(body, label(exchange)).toHaveProperty(['@odata.context']);
    }
  });

  it('comes by every status a client of calendars has to know', () => {
    const statuses = [...new Set(exchanges.map(({ status }) => status))].sort();
    expect(statuses).toEqual([
      ...[200, 201, 202, 204],
      ...[400, 401, 403, 404, 405, 409, 410, 412, 415, 424, 429],
      ...[500, 501, 502, 503, 504],
    ]);
  });

  it('answers every operation of the description, but for those listed', () => {
    const answered = new Set(
      exchanges
        .filter(({ status }) => status < 300)
        .map((exchange) => schema.find(exchange.method, exchange.path)?.name),
    );
    const missing = [...schema.operations.keys()].filter((name) => !answered.has(name));
    const listed = NOT_ANSWERED.map((entry) => ({
      ...entry,
      names: missing.filter((name) => entry.operations.test(name)),
    }));
    console.log(
      [
        `${exchanges.length} exchanges; ${schema.operations.size - missing.length} of ${schema.operations.size} operations answered`,
        ...listed.map(({ names, operations, reason }) => `  ${names.length} not: ${operations.source} (${reason})`),
      ].join('\n'),
    );
    expect(missing.filter((name) => !NOT_ANSWERED.some(({ operations }) => operations.test(name)))).toEqual([]);
    const nowAnswered = [...schema.operations.keys()].filter(
      (name) => answered.has(name) && NOT_ANSWERED.some(({ operations }) => operations.test(name)),
    );
    expect(nowAnswered, 'listed as not answered, and answered').toEqual([]);
    expect(listed.filter(({ names }) => names.length === 0)).toEqual([]);
    const used = (gap: object) => exchanges.some((exchange) => described(schema, exchange).gap === gap);
    expect(GAPS.filter((gap) => !used(gap))).toEqual([]);
  });
});

const label = ({ method, path, query, status }: Exchange): string =>
  `${method} ${path.replaceAll(/A[\w=-]{60,}/g, '{id}')}${query.slice(0, 60)} ${status}`;

/** The schema of an answer; undefined where it has no body. */
function answerSchema(schema: WireSchema, { method, path, status, body }: Exchange) {
  const { operation, gap } = described(schema, { method, path });
  if (operation === undefined) {
    if (status >= 400) return schema.schema('microsoft.graph.ODataErrors.ODataError');
    if (gap?.type === undefined || body === undefined) return undefined;
    const type = schema.schema(`microsoft.graph.${gap.type}`);
    return 'value' in (body as object) ? { properties: { value: { type: 'array', items: type } } } : type;
  }
  const found = [String(status), `${String(status)[0]}XX`].find((each) => operation.responses.has(each));
  return found === undefined ? 'undescribed' : operation.responses.get(found);
}

const counted = (lines: string[]): Record<string, number> =>
  Object.fromEntries([...new Set(lines)].map((line) => [line, lines.filter((each) => each === line).length]));
