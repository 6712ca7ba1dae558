import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, MARCH_TO_MAY, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { GraphSimulator } from '../index.ts';

const NAME = 'Com.Example.Sync';
const anExtension = (change: object = {}) => ({
  '@odata.type': 'microsoft.graph.openTypeExtension',
  extensionName: NAME,
  origin: 'a1',
  ...change,
});
const EXPAND = `$expand=extensions($filter=id eq '${NAME}')`;
const GUID = '{66f5a359-4659-4830-9070-00047ec6ac6e}';
const TAG = `String ${GUID} Name Sync`;
const LIST = `StringArray ${GUID} Name Places`;

describe('open extensions', () => {
  it('are added, read, changed and removed; a member set to null stays', async () => {
    const { call } = simulate();
    const { id, changeKey } = (await call('POST', '~/events', anEvent())).body;
    const added = await call('POST', `~/events/${id}/extensions`, anExtension());
    expect(added.status).toBe(201);
    expect(added.body).toMatchObject({
      '@odata.type': '#microsoft.graph.openTypeExtension',
      id: `Microsoft.OutlookServices.OpenTypeExtension.${NAME}`,
      extensionName: NAME,
      origin: 'a1',
    });
    expect((await call('GET', `~/events/${id}`)).body.changeKey).not.toBe(changeKey);
    const url = `~/events/${id}/extensions/${NAME}`;
    const patched = await call('PATCH', url, { origin: null, revision: 2 });
    expect([patched.status, patched.body]).toMatchObject([200, { origin: 'a1', revision: 2 }]);
    expect((await call('GET', `~/events/${id}/extensions/${added.body.id}`)).body.revision).toBe(2);
    expect((await call('POST', `~/events/${id}/extensions`, anExtension())).status).toBe(409);
    expect((await call('DELETE', url)).status).toBe(204);
    expect((await call('GET', url)).body.error.code).toBe('ErrorItemNotFound');
  });

  it('come with a create and are seen where they are expanded by name, and only there', async () => {
    const { call, round } = simulate();
    const created = await call('POST', '~/events', anEvent({ extensions: [anExtension()] }));
    expect(created.status).toBe(201);
    expect(created.body).not.toHaveProperty('extensions');
    const shown = [{ extensionName: NAME, origin: 'a1' }];
    expect((await call('GET', `~/events/${created.body.id}?${EXPAND}`)).body.extensions).toMatchObject(shown);
    expect((await call('GET', `~/events?${EXPAND}`)).body.value[0].extensions).toMatchObject(shown);
    expect((await call('GET', `~/calendarView?${MARCH_TO_MAY}&${EXPAND}`)).body.value[0].extensions).toMatchObject(
      shown,
    );
    const other = EXPAND.replace(NAME, 'Com.Example.Other');
    expect((await call('GET', `~/events?${other}`)).body.value[0]).not.toHaveProperty('extensions');
    const { items } = await round(`~/calendarView/delta?${MARCH_TO_MAY}&${EXPAND}`);
    expect(items[0]).not.toHaveProperty('extensions');
  });

  it.each([
    ['without a type', { extensionName: NAME }, 'RequestBodyRead'],
    ['without a name', anExtension({ extensionName: '' }), 'ErrorRequiredPropertyMissing'],
  ])('are refused %s, alone and in a create', async (_name, extension, code) => {
    const { call, mailbox } = simulate();
    expect((await call('POST', '~/events', anEvent({ extensions: [extension] }))).body.error.code).toBe(code);
    expect(mailbox.listEvents()).toHaveLength(0);
    const { id } = mailbox.createEvent(anEvent());
    expect((await call('POST', `~/events/${id}/extensions`, extension)).body.error.code).toBe(code);
  });

  it.each([
    ['conflict', 0],
    ['conflict-after-create', 1],
  ] as const)('in a create can be answered 409: %s', async (extensionOnCreate, events) => {
    const { call, mailbox } = simulate({ switches: { extensionOnCreate } });
    const refused = await call('POST', '~/events', anEvent({ extensions: [anExtension()] }));
    expect([refused.status, refused.body.error.code]).toEqual([409, 'ErrorIrresolvableConflict']);
    expect(mailbox.listEvents()).toHaveLength(events);
    expect((await call('POST', '~/events', anEvent())).status).toBe(201);
  });

  it('on one occurrence make it an exception', async () => {
    const { call } = simulate();
    const { id } = (await call('POST', '~/events', aSeries({ extensions: [anExtension()] }))).body;
    const members = (await call('GET', `~/events/${id}/instances?${MARCH_TO_MAY}`)).body.value;
    await call('PATCH', `~/events/${members[1].id}/extensions/${NAME}`, { origin: 'b2' });
    const after = (await call('GET', `~/calendarView?${MARCH_TO_MAY}&${EXPAND}`)).body.value;
    expect(after.slice(0, 3).map((event: { extensions: object[] }) => event.extensions[0])).toMatchObject([
      { origin: 'a1' },
      { origin: 'b2' },
      { origin: 'a1' },
    ]);
    expect(after[1].type).toBe('exception');
  });

  it('are never on the attendees’ copies', async () => {
    const { call, sim } = simulate();
    const berta = sim.addMailbox({ address: 'berta@example.com' });
    const attendees = [{ emailAddress: { address: 'berta@example.com' } }];
    const extended = { singleValueExtendedProperties: [{ id: TAG, value: 'x' }], extensions: [anExtension()] };
    const { id } = (await call('POST', '~/events', anEvent({ attendees, ...extended }))).body;
    const copy = `/users/berta@example.com/events/${berta.listEvents()[0]!.id}`;
    await call('POST', `${copy}/extensions`, anExtension({ origin: 'berta' }));
    await call('PATCH', `~/events/${id}`, { subject: 'Changed' });
    const seen = (await call('GET', `${copy}?$expand=extensions,singleValueExtendedProperties($filter=id eq '${TAG}')`))
      .body;
    expect(seen).toMatchObject({ subject: 'Changed', extensions: [{ origin: 'berta' }] });
    expect(seen).not.toHaveProperty('singleValueExtendedProperties');
  });
});

describe('extended properties', () => {
  it('have several values, and are not echoed', async () => {
    const { call } = simulate();
    const multiValueExtendedProperties = [{ id: LIST, value: ['Yard', 'Shed'] }];
    const created = await call('POST', '~/events', anEvent({ multiValueExtendedProperties }));
    expect(created.body).not.toHaveProperty('multiValueExtendedProperties');
    const url = `~/events/${created.body.id}`;
    const expand = `$expand=multiValueExtendedProperties($filter=id eq '${LIST}')`;
    expect((await call('GET', `${url}?${expand}`)).body).toMatchObject({ multiValueExtendedProperties });
    await call('PATCH', url, { multiValueExtendedProperties: [{ id: LIST, value: ['Attic'] }] });
    expect((await call('GET', `${url}?${expand}`)).body.multiValueExtendedProperties).toEqual([
      { id: LIST, value: ['Attic'] },
    ]);
  });

  it.each([
    ["ep/value eq 'ALPHA'", ['Alpha']],
    ["ep/value ne 'alpha'", ['Alphabet']],
    ["contains(ep/value,'bet')", ['Alphabet']],
    ["startswith(ep/value,'alph')", ['Alpha', 'Alphabet']],
  ])('are filtered by %s', async (condition, subjects) => {
    const { call, mailbox } = simulate();
    for (const value of ['Alpha', 'Alphabet'])
      mailbox.createEvent(anEvent({ subject: value, singleValueExtendedProperties: [{ id: TAG, value }] }));
    mailbox.createEvent(anEvent({ subject: 'none' }));
    const filter = (id: string) => `singleValueExtendedProperties/Any(ep: ep/id eq '${id}' and ${condition})`;
    const find = async (id: string) => (await call('GET', `~/events?$filter=${filter(id)}`)).body.value;
    expect((await find(TAG)).map((event: { subject: string }) => event.subject)).toEqual(subjects);
    expect(await find(TAG.toUpperCase().replace('NAME SYNC', 'Name Sync'))).toHaveLength(subjects.length);
    expect(await find(TAG.replace('Sync', 'sync'))).toHaveLength(0);
  });

  it('cannot be compared by order', async () => {
    const { call } = simulate();
    const filter = `singleValueExtendedProperties/Any(ep: ep/id eq '${TAG}' and ep/value gt 'a')`;
    expect((await call('GET', `~/events?$filter=${filter}`)).status).toBe(400);
  });

  it.each([
    [
      'an id nobody can read',
      { singleValueExtendedProperties: [{ id: 'Sync', value: 'x' }] },
      'ErrorInvalidExtendedProperty',
    ],
    [
      'an array where one value goes',
      { singleValueExtendedProperties: [{ id: LIST, value: 'x' }] },
      'ErrorInvalidExtendedProperty',
    ],
    [
      'a number that is none',
      { singleValueExtendedProperties: [{ id: `Integer ${GUID} Id 0x8012`, value: 'x' }] },
      'ErrorInvalidExtendedPropertyValue',
    ],
    ['no value', { singleValueExtendedProperties: [{ id: TAG }] }, 'ErrorPropertyValidationFailure'],
  ])('refuse %s', async (_name, properties, code) => {
    const { call } = simulate();
    expect((await call('POST', '~/events', anEvent(properties))).body.error.code).toBe(code);
  });

  it('belong to one occurrence when written there', async () => {
    const { call } = simulate();
    const { id } = (await call('POST', '~/events', aSeries())).body;
    const members = (await call('GET', `~/events/${id}/instances?${MARCH_TO_MAY}`)).body.value;
    await call('PATCH', `~/events/${members[2].id}`, { singleValueExtendedProperties: [{ id: TAG, value: 'x' }] });
    const filter = `$filter=singleValueExtendedProperties/any(ep: ep/id eq '${TAG}' and ep/value eq 'x')`;
    const found = (await call('GET', `~/calendarView?${MARCH_TO_MAY}&${filter}`)).body.value;
    expect(found.map((event: { id: string }) => event.id)).toEqual([members[2].id]);
  });
});

describe('what hangs on events', () => {
  it('is in a snapshot, names used up included', async () => {
    const { sim, call, token } = simulate();
    const event = anEvent({
      extensions: [anExtension()],
      multiValueExtendedProperties: [{ id: LIST, value: ['Yard'] }],
    });
    const { id } = (await call('POST', '~/events', event)).body;
    const other = new GraphSimulator({ now: () => NOW, seed: 5, switches: { namedPropertyQuota: 2 } });
    other.restore(sim.snapshot());
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const url = `/v1.0/users/${ADDRESS}/events/${id}`;
    const seen = await other.fetch(`${url}?$expand=extensions,multiValueExtendedProperties($filter=id eq '${LIST}')`, {
      headers,
    });
    expect(await seen.json()).toMatchObject({
      extensions: [{ origin: 'a1' }],
      multiValueExtendedProperties: [{ id: LIST, value: ['Yard'] }],
    });
    const body = JSON.stringify(anExtension({ extensionName: 'Com.Example.B' }));
    expect((await other.fetch(`${url}/extensions`, { method: 'POST', headers, body })).status).toBe(507);
  });
});

describe('the quota of names', () => {
  it('is used up by names, deleted ones included, and not by using one name again', async () => {
    const { call } = simulate({ switches: { namedPropertyQuota: 2 } });
    const tagged = (name: string) =>
      anEvent({ singleValueExtendedProperties: [{ id: `String ${GUID} Name ${name}`, value: 'x' }] });
    const { id } = (await call('POST', '~/events', tagged('a'))).body;
    expect((await call('POST', '~/events', tagged('a'))).status).toBe(201);
    await call('POST', `~/events/${id}/extensions`, anExtension());
    await call('DELETE', `~/events/${id}/extensions/${NAME}`);
    const property = await call('POST', '~/events', tagged('b'));
    expect([property.status, property.body.error]).toMatchObject([
      507,
      { code: 'ErrorQuotaExceeded', message: 'Cannot get ID from name.' },
    ]);
    const extension = await call('POST', `~/events/${id}/extensions`, anExtension({ extensionName: 'Com.Example.B' }));
    expect([extension.status, extension.body.error]).toMatchObject([
      507,
      { code: 'QuotaExceededException', message: 'Target mailbox quota exceeded.' },
    ]);
    expect((await call('POST', `~/events/${id}/extensions`, anExtension())).status).toBe(201);
    const tag = anEvent({ singleValueExtendedProperties: [{ id: 'String 0x4001001E', value: 'x' }] });
    expect((await call('POST', '~/events', tag)).status).toBe(201);
  });
});
