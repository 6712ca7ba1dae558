import { describe, expect, it } from 'vitest';
import { anEvent, simulate } from '../../../test/support/simulator-client.ts';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('input nobody means well', () => {
  it('refuses filters that nest without end, and names that every object has', async () => {
    const { call } = simulate();
    await call('POST', '~/events', anEvent());
    const filters = [
      `${'('.repeat(3000)}isAllDay eq true${')'.repeat(3000)}`,
      `${'not '.repeat(3000)}isAllDay eq true`,
      "__proto__ eq 'x'",
      "subject __proto__ 'x'",
      "subject constructor 'x'",
    ];
    for (const filter of filters) {
      expect((await call('GET', `~/events?$filter=${encodeURIComponent(filter)}`)).status).toBe(400);
    }
    expect((await call('GET', '~/events?$orderby=__proto__')).status).toBe(400);
    const two = encodeURIComponent('not (not ((isAllDay eq false)))');
    expect((await call('GET', `~/events?$filter=${two}`)).body.value).toHaveLength(1);
  });

  it('refuses JSON too deep to be written again, and can still tell what it was asked', async () => {
    const { sim, call } = simulate();
    const { id } = (await call('POST', '~/events', anEvent())).body;
    const extension = { '@odata.type': 'microsoft.graph.openTypeExtension', extensionName: 'com.example' };
    const deep = JSON.stringify({ ...extension, a: 0 }).replace('"a":0', `"a":${nested(50_000)}`);
    const answer = await call('POST', `~/events/${id}/extensions`, deep);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadRequest' } } });
    const fine = JSON.stringify({ ...extension, a: 0 }).replace('"a":0', `"a":${nested(50)}`);
    expect((await call('POST', `~/events/${id}/extensions`, fine)).status).toBe(201);
    expect((await sim.fetch('/simulator/requests')).status).toBe(200);
    const steered = await sim.fetch('/simulator/switches', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: `{"maxTop":${nested(50_000)}}`,
    });
    expect(steered.status).toBe(400);
    const deepest = JSON.stringify({ ...extension, extensionName: 'com.deepest', a: 0 }).replace(
      '"a":0',
      `"a":${nested(99)}`,
    );
    expect((await call('POST', `~/events/${id}/extensions`, deepest)).status).toBe(201);
    const restored = await sim.fetch('/simulator/snapshot', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: sim.snapshot(),
    });
    expect(restored.status).toBe(204);
  });

  it('refuses a collection with nothing in one of its places', async () => {
    const { call } = simulate();
    for (const wrong of [{ attendees: [null] }, { categories: [null] }, { locations: [null] }]) {
      expect((await call('POST', '~/events', anEvent(wrong))).body.error.code).toBe('RequestBodyRead');
    }
  });

  it('refuses parameters under names every object has, and ids that are no list of text', async () => {
    const { call } = simulate();
    const { id } = (await call('POST', '~/events', anEvent())).body;
    for (const name of ['__proto__', 'constructor']) {
      const { status } = await call('POST', `~/events/${id}/decline`, `{"${name}":{"a":1}}`);
      expect(status).toBe(400);
    }
    for (const inputIds of [0, 'text', {}, [0], [null]]) {
      const asked = { inputIds, sourceIdType: 'restId', targetIdType: 'restImmutableEntryId' };
      expect((await call('POST', '~/translateExchangeIds', asked)).status).toBe(400);
    }
    for (const attendees of [0, 'text', {}, [null], [{ emailAddress: null }]]) {
      expect((await call('POST', '~/findMeetingTimes', { attendees })).status).toBe(400);
    }
    for (const timeSlots of [0, {}, [null]]) {
      expect((await call('POST', '~/findMeetingTimes', { timeConstraint: { timeSlots } })).status).toBe(400);
    }
  });

  it('takes half a character in a name, and says where the extension is', async () => {
    const { call } = simulate();
    const { id } = (await call('POST', '~/events', anEvent())).body;
    const body = { '@odata.type': 'microsoft.graph.openTypeExtension', extensionName: 'half\ud800', a: 1 };
    const { status, headers } = await call('POST', `~/events/${id}/extensions`, body);
    expect(status).toBe(201);
    expect(headers.get('location')).toContain('half');
  });
});
