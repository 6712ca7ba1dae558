import { describe, expect, it } from 'vitest';
import { type Answer, anEvent, MARCH_TO_MAY, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { GraphSimulator } from '../index.ts';

const codeOf = ({ status, body }: Answer) => [status, body.error.code];
const namesOf = ({ body }: Answer) => body.value.map(({ name }: { name: string }) => name);

describe('calendar groups', () => {
  it('begin with one group whose class every mailbox knows', async () => {
    const { call } = simulate();
    const { body } = await call('GET', '~/calendarGroups');
    expect(body.value).toEqual([
      {
        id: expect.stringMatching(/^AAMk[A-Za-z0-9_-]{100,}=$/),
        name: 'My Calendars',
        classId: '0006f0b7-0000-0000-c000-000000000046',
        changeKey: expect.any(String),
      },
    ]);
    expect((await call('GET', '~/calendarGroup')).body.id).toBe(body.value[0].id);
    expect(namesOf(await call('GET', `~/calendarGroups/${body.value[0].id}/calendars`))).toEqual(['Calendar']);
    expect(namesOf(await call('GET', '~/calendarGroup/calendars'))).toEqual(['Calendar']);
    expect(codeOf(await call('DELETE', '~/calendarGroup'))).toEqual([400, 'ErrorInvalidRequest']);
  });

  it('are added, renamed and, once empty, removed', async () => {
    const { call } = simulate();
    const created = await call('POST', '~/calendarGroups', { name: 'Family' });
    expect(created.status).toBe(201);
    expect(created.body['@odata.context']).toMatch(/calendarGroups\/\$entity$/);
    const path = `~/calendarGroups/${created.body.id}`;
    expect(codeOf(await call('POST', '~/calendarGroups', { name: 'family' }))).toEqual([409, 'ErrorFolderExists']);
    expect(codeOf(await call('POST', '~/calendarGroups', { title: 'x' }))).toEqual([400, 'RequestBodyRead']);
    const renamed = await call('PATCH', path, { name: 'Home' });
    expect(renamed.body).toMatchObject({ id: created.body.id, name: 'Home', classId: created.body.classId });
    expect(renamed.body.changeKey).not.toBe(created.body.changeKey);
    const inside = await call('POST', `${path}/calendars`, { name: 'School' });
    expect(inside.status).toBe(201);
    expect(codeOf(await call('DELETE', path))).toEqual([400, 'ErrorInvalidRequest']);
    expect((await call('DELETE', `${path}/calendars/${inside.body.id}`)).status).toBe(204);
    expect((await call('DELETE', path)).status).toBe(204);
    expect(codeOf(await call('GET', path))).toEqual([404, 'ErrorItemNotFound']);
  });

  it('keep their calendars out of /calendars, whose ids lead to them all the same', async () => {
    const { call, mailbox, round } = simulate();
    const group = mailbox.addCalendarGroup('Family');
    const school = mailbox.addCalendar('School', { groupId: group });
    expect(namesOf(await call('GET', '~/calendars'))).toEqual(['Calendar']);
    expect(namesOf(await call('GET', `~/calendarGroups/${group}/calendars`))).toEqual(['School']);
    const path = `~/calendarGroups/${group}/calendars/${school}`;
    expect((await call('POST', `${path}/events`, anEvent())).status).toBe(201);
    expect((await call('GET', `${path}/calendarView?${MARCH_TO_MAY}`)).body.value).toHaveLength(1);
    expect((await call('GET', `~/calendars/${school}/events`)).body.value).toHaveLength(1);
    expect((await round(`${path}/calendarView/delta?${MARCH_TO_MAY}`)).items).toHaveLength(1);
    expect((await call('GET', `~/calendarGroups/${group}/calendars/${mailbox.defaultCalendarId}`)).status).toBe(404);
  });

  it('survive in a snapshot', () => {
    const { sim, mailbox } = simulate();
    const group = mailbox.addCalendarGroup('Family');
    const other = new GraphSimulator({ now: () => NOW, seed: 5 });
    other.restore(sim.snapshot());
    expect(other.mailbox(mailbox.address).addCalendar('School', { groupId: group })).toBeTruthy();
  });
});

describe('lists of calendars', () => {
  function many() {
    const world = simulate();
    for (let n = 1; n <= 12; n += 1) world.mailbox.addCalendar(`Team ${n}`);
    return world;
  }

  it('come in pages of ten, with links', async () => {
    const { call } = many();
    const first = await call('GET', '~/calendars');
    expect(first.body.value).toHaveLength(10);
    const second = await call('GET', first.body['@odata.nextLink']);
    expect(namesOf(second)).toEqual(['Team 10', 'Team 11', 'Team 12']);
    expect(second.body['@odata.nextLink']).toBeUndefined();
  });

  it('take $top, $skip, $count, $orderby, $select and $filter', async () => {
    const { call } = many();
    const { body } = await call('GET', '~/calendars?$top=2&$skip=1&$count=true&$select=name');
    expect(body['@odata.count']).toBe(13);
    expect(body.value.map((row: object) => Object.keys(row))).toEqual([
      ['id', 'name'],
      ['id', 'name'],
    ]);
    expect(namesOf(await call('GET', "~/calendars?$filter=name eq 'team 3'"))).toEqual(['Team 3']);
    expect(namesOf(await call('GET', '~/calendars?$filter=isDefaultCalendar eq true'))).toEqual(['Calendar']);
    expect(namesOf(await call('GET', "~/calendars?$filter=startswith(name,'Team 1') and name ne 'Team 1'"))).toEqual([
      ...['Team 10', 'Team 11', 'Team 12'],
    ]);
    expect(namesOf(await call('GET', '~/calendars?$orderby=name desc&$top=1'))).toEqual(['Team 9']);
    const counted = await call('GET', "~/calendars/$count?$filter=startswith(name,'Team')");
    expect([counted.body, counted.headers.get('content-type')]).toEqual([12, 'text/plain']);
  });

  it.each([
    ['$top=0', 'BadRequest'],
    ['$skip=x', 'BadRequest'],
    ['$select=colour', 'RequestBroker--ParseUri'],
    ['$expand=people', 'RequestBroker--ParseUri'],
    ['$filter=name', 'BadRequest'],
    ["$filter=colour eq 'x'", 'RequestBroker--ParseUri'],
    ['$search=x', 'BadRequest'],
  ])('refuse %s', async (query, code) => {
    const { call } = simulate();
    expect(codeOf(await call('GET', `~/calendars?${query}`))).toEqual([400, code]);
  });
});

describe('a calendar', () => {
  it('changes colour, and then has one in hex', async () => {
    const { call, mailbox } = simulate();
    const path = `~/calendars/${mailbox.addCalendar('Family')}`;
    const before = (await call('GET', path)).body;
    expect(before).toMatchObject({ color: 'auto', hexColor: '' });
    const { body } = await call('PATCH', path, { color: 'LightGreen' });
    expect(body).toMatchObject({ color: 'lightGreen', hexColor: '#87d28e' });
    expect(body.changeKey).not.toBe(before.changeKey);
    expect(codeOf(await call('PATCH', path, { color: 'pink' }))).toEqual([400, 'RequestBodyRead']);
    expect(codeOf(await call('PATCH', path, { colour: 'pink' }))).toEqual([400, 'RequestBodyRead']);
  });

  it('takes the providers it allows as default', async () => {
    const { call, mailbox } = simulate();
    const path = `~/calendars/${mailbox.addCalendar('Family', { allowsOnlineMeetings: false })}`;
    const teams = { defaultOnlineMeetingProvider: 'teamsForBusiness' };
    expect((await call('PATCH', '~/calendar', { defaultOnlineMeetingProvider: 'unknown' })).body).toMatchObject({
      defaultOnlineMeetingProvider: 'unknown',
    });
    expect((await call('PATCH', '~/calendar', teams)).body).toMatchObject(teams);
    expect(codeOf(await call('PATCH', path, teams))).toEqual([400, 'ErrorInvalidRequest']);
    expect(codeOf(await call('PATCH', path, { defaultOnlineMeetingProvider: 'zoom' }))).toEqual([
      400,
      'RequestBodyRead',
    ]);
  });

  it('becomes the default one, or not, by switch', async () => {
    const { call, mailbox, sim } = simulate();
    const path = `~/calendars/${mailbox.addCalendar('Family')}`;
    const body = { isDefaultCalendar: true };
    expect((await call('PATCH', path, body)).body.isDefaultCalendar).toBe(false);
    sim.switches.patchDefaultCalendar = '400';
    expect((await call('PATCH', path, body)).status).toBe(400);
    sim.switches.patchDefaultCalendar = 'moves';
    expect((await call('PATCH', path, body)).body).toMatchObject({ isDefaultCalendar: true, isRemovable: false });
    expect((await call('GET', '~/calendar')).body.name).toBe('Family');
    expect((await call('GET', '~/calendars?$filter=isDefaultCalendar eq true')).body.value).toHaveLength(1);
  });

  it('is deleted for good by permanentDelete, the default one is not', async () => {
    const { call, mailbox } = simulate();
    const path = `~/calendars/${mailbox.addCalendar('Family')}`;
    await call('POST', `${path}/events`, anEvent());
    expect((await call('POST', `${path}/permanentDelete`)).status).toBe(204);
    expect((await call('GET', path)).status).toBe(404);
    expect(mailbox.listEvents()).toEqual([]);
    expect(codeOf(await call('POST', '~/calendar/permanentDelete'))).toEqual([403, 'ErrorAccessDenied']);
  });

  it('of holidays or from an address is filled by its source and refuses writes', async () => {
    const { call, mailbox, round } = simulate();
    const id = mailbox.addReadOnlyCalendar('Holidays', [anEvent({ subject: 'Easter' })]);
    const path = `~/calendars/${id}`;
    expect((await call('GET', path)).body.canEdit).toBe(false);
    const [event] = (await call('GET', `${path}/events`)).body.value;
    expect(event.subject).toBe('Easter');
    for (const answer of [
      await call('POST', `${path}/events`, anEvent()),
      await call('PATCH', `${path}/events/${event.id}`, { subject: 'x' }),
      await call('DELETE', `${path}/events/${event.id}`),
    ]) {
      expect(codeOf(answer)).toEqual([403, 'ErrorAccessDenied']);
    }
    const { link } = await round(`${path}/calendarView/delta?${MARCH_TO_MAY}`);
    mailbox.feedCalendar(id, [anEvent({ subject: 'Whitsun' })]);
    expect((await round(link)).items).toMatchObject([{ '@removed': {} }, { subject: 'Whitsun' }]);
    expect(() => mailbox.feedCalendar(mailbox.defaultCalendarId, [])).toThrow(/read-only/);
  });
});
