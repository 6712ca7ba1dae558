import { describe, expect, it } from 'vitest';
import { GRACE, twoPeople } from '../../../test/support/sharing-world.ts';
import { ADDRESS, anEvent, aSeries, MARCH_TO_MAY, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { GraphSimulator } from '../index.ts';

const aFile = (change: object = {}) => ({
  '@odata.type': '#microsoft.graph.fileAttachment',
  name: 'plan.pdf',
  contentType: 'application/pdf',
  contentBytes: Buffer.from('a plan').toString('base64'),
  ...change,
});

async function withEvent(options: Parameters<typeof simulate>[0] = {}, event: object = anEvent()) {
  const tools = simulate(options);
  const created = await tools.call('POST', '~/events', event);
  const id: string = created.body.id;
  return { ...tools, id, url: `~/events/${id}/attachments`, created: created.body };
}

describe('attachments of an event', () => {
  it('are added, listed, read, selected and removed, and move the changeKey', async () => {
    const { call, url, id, created } = await withEvent();
    const added = await call('POST', url, aFile());
    expect(added.status).toBe(201);
    expect(added.body).toMatchObject({
      '@odata.type': '#microsoft.graph.fileAttachment',
      '@odata.mediaContentType': 'application/pdf',
      name: 'plan.pdf',
      size: 6,
      isInline: false,
      lastModifiedDateTime: '2026-03-02T08:00:00Z',
      contentBytes: aFile().contentBytes,
    });
    expect(added.headers.get('location')).toContain(`/events('${id}')/attachments('${added.body.id}')`);
    const event = (await call('GET', `~/events/${id}`)).body;
    expect(event).toMatchObject({ hasAttachments: true });
    expect(event.changeKey).not.toBe(created.changeKey);
    const listed = await call('GET', `${url}?$select=name,size`);
    expect(Object.keys(listed.body.value[0]).sort()).toEqual([
      '@odata.mediaContentType',
      '@odata.type',
      'id',
      'name',
      'size',
    ]);
    expect((await call('GET', `${url}/${added.body.id}`)).body.contentBytes).toBe(aFile().contentBytes);
    expect((await call('GET', `~/events/${id}?$expand=attachments($select=name)`)).body.attachments).toMatchObject([
      { name: 'plan.pdf' },
    ]);
    expect((await call('DELETE', `${url}/${added.body.id}`)).status).toBe(204);
    expect((await call('GET', `${url}/${added.body.id}`)).body.error.code).toBe('ErrorItemNotFound');
    expect((await call('GET', `~/events/${id}`)).body.hasAttachments).toBe(false);
  });

  it('have immutable ids when asked for, and both forms are taken', async () => {
    const { call, url } = await withEvent();
    const { id } = (await call('POST', url, aFile())).body;
    const prefer = { prefer: 'IdType="ImmutableId"' };
    const immutable = (await call('GET', url, undefined, prefer)).body.value[0].id;
    expect(immutable).not.toBe(id);
    expect((await call('GET', `${url}/${immutable}`)).status).toBe(200);
    expect((await call('GET', `${url}/${immutable.slice(0, -4)}AAA=`)).body.error.code).toBe('ErrorInvalidIdMalformed');
  });

  it('come as raw bytes from $value, in process and over a socket', async () => {
    const { sim, call, url, token, id } = await withEvent();
    const bytes = Buffer.from([0, 255, 128, 10, 13, 200]);
    const added = (await call('POST', url, aFile({ contentBytes: bytes.toString('base64') }))).body;
    const path = `/v1.0/users/${ADDRESS}/events/${id}/attachments/${added.id}/$value`;
    const server = await sim.listen();
    try {
      const headers = { authorization: `Bearer ${token}` };
      for (const answer of [await sim.fetch(path, { headers }), await fetch(`${server.url}${path}`, { headers })]) {
        expect(answer.headers.get('content-type')).toBe('application/pdf');
        expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
      }
    } finally {
      await server.close();
    }
    const batch = { requests: [{ id: '1', method: 'GET', url: path.slice('/v1.0'.length) }] };
    expect((await call('POST', '/$batch', batch)).body.responses[0].body).toBe(bytes.toString('base64'));
  });

  it.each([
    ['without a type', { name: 'x', contentBytes: '' }, 400, 'RequestBodyRead'],
    ['with an unknown property', aFile({ colour: 'red' }), 400, 'RequestBodyRead'],
    ['with bytes that are no base64', aFile({ contentBytes: '*' }), 400, 'RequestBodyRead'],
    ['without bytes', aFile({ contentBytes: null }), 400, 'ErrorRequiredPropertyMissing'],
    ['without a name', aFile({ name: undefined }), 400, 'ErrorRequiredPropertyMissing'],
    ['of more than 3 MB', aFile({ contentBytes: 'A'.repeat(4 * 1024 * 1024 + 4) }), 413, 'BadRequest'],
    [
      'of an address v1.0 has no property for',
      { '@odata.type': '#microsoft.graph.referenceAttachment', name: 'x', sourceUrl: 'https://example.com' },
      400,
      'RequestBodyRead',
    ],
    [
      'of nothing',
      { '@odata.type': '#microsoft.graph.itemAttachment', name: 'x' },
      400,
      'ErrorRequiredPropertyMissing',
    ],
  ])('are refused %s', async (_name, body, status, code) => {
    const { call, url } = await withEvent();
    const refused = await call('POST', url, body);
    expect([refused.status, refused.body.error.code]).toEqual([status, code]);
  });

  it('may be items, shown with $expand only, and references', async () => {
    const { call, url } = await withEvent();
    const item = { '@odata.type': 'microsoft.graph.event', ...anEvent({ subject: 'Attached' }) };
    const added = await call('POST', url, { '@odata.type': '#microsoft.graph.itemAttachment', name: 'Attached', item });
    expect(added.status).toBe(201);
    expect(added.body).not.toHaveProperty('item');
    const expanded = await call('GET', `${url}/${added.body.id}?$expand=microsoft.graph.itemattachment/item`);
    expect(expanded.body.item.subject).toBe('Attached');
    const reference = { '@odata.type': '#microsoft.graph.referenceAttachment', name: 'Link' };
    expect((await call('POST', url, reference)).body).not.toHaveProperty('contentBytes');
    expect((await call('GET', `${url}/${added.body.id}/$value`)).status).toBe(501);
  });

  it.each([
    [false, false],
    [true, true],
  ])('that are inline count as the switch says: %s', async (inlineAttachmentsCount, expected) => {
    const { call, url, id } = await withEvent({ switches: { inlineAttachmentsCount } });
    await call('POST', url, aFile({ isInline: true, contentId: 'picture' }));
    expect((await call('GET', `~/events/${id}`)).body.hasAttachments).toBe(expected);
    expect((await call('GET', '~/events')).body.value[0].hasAttachments).toBe(expected);
  });

  it('may come with a create, unless the service ignores them there', async () => {
    const stored = await withEvent({}, anEvent({ attachments: [aFile()] }));
    expect(stored.created.hasAttachments).toBe(true);
    const ignored = await withEvent(
      { switches: { attachmentsOnCreate: 'ignored' } },
      anEvent({ attachments: [aFile()] }),
    );
    expect(ignored.created.hasAttachments).toBe(false);
  });

  it('of a series are those of its members, until one gets its own', async () => {
    const { call, url, id } = await withEvent({}, aSeries());
    await call('POST', url, aFile());
    const members = (await call('GET', `~/events/${id}/instances?${MARCH_TO_MAY}`)).body.value;
    expect(members.every((member: { hasAttachments: boolean }) => member.hasAttachments)).toBe(true);
    const second = `~/events/${members[1].id}`;
    await call('POST', `${second}/attachments`, aFile({ name: 'notes.txt' }));
    expect((await call('GET', second)).body.type).toBe('exception');
    const names = async (path: string) =>
      (await call('GET', path)).body.value.map((each: { name: string }) => each.name);
    expect(await names(`${second}/attachments`)).toEqual(['plan.pdf', 'notes.txt']);
    expect(await names(url)).toEqual(['plan.pdf']);
    await call('PATCH', second, { subject: 'Special' });
    expect(await names(`${second}/attachments`)).toEqual(['plan.pdf', 'notes.txt']);
  });

  it.each([
    ['at-once', true],
    ['next-update', false],
  ] as const)('reach the attendees %s', async (attachmentDelivery, atOnce) => {
    const tools = simulate({ switches: { attachmentDelivery } });
    const berta = tools.sim.addMailbox({ address: 'berta@example.com' });
    const attendees = [{ emailAddress: { address: 'berta@example.com' } }];
    const { id } = (await tools.call('POST', '~/events', anEvent({ attendees }))).body;
    await tools.call('POST', `~/events/${id}/attachments`, aFile());
    expect(berta.listEvents()[0]!['hasAttachments']).toBe(atOnce);
    await tools.call('PATCH', `~/events/${id}`, { subject: 'Changed' });
    expect(berta.listEvents()[0]!['hasAttachments']).toBe(true);
    const copy = `/users/berta@example.com/events/${berta.listEvents()[0]!.id}/attachments`;
    expect((await tools.call('GET', copy)).body.value).toMatchObject([{ name: 'plan.pdf' }]);
  });

  it('can be hung on by the person at the mailbox', async () => {
    const { call, mailbox, id, url } = await withEvent();
    mailbox.attachFile(id, { name: 'notes.txt', content: 'notes' });
    expect((await call('GET', url)).body.value).toMatchObject([{ name: 'notes.txt', size: 5 }]);
  });

  it('are in a snapshot', async () => {
    const { sim, call, url, token } = await withEvent();
    const { id } = (await call('POST', url, aFile())).body;
    const other = new GraphSimulator({ now: () => NOW, seed: 5 });
    other.restore(sim.snapshot());
    const path = `/v1.0${url.replace('~', `/users/${ADDRESS}`)}/${id}`;
    const answer = await other.fetch(path, { headers: { authorization: `Bearer ${token}` } });
    expect(await answer.json()).toMatchObject({ name: 'plan.pdf' });
  });
});

describe('attachments seen through a shared calendar', () => {
  it('have ids of that side, can be added by a writer, and not uploaded', async () => {
    const { asGrace, ada } = twoPeople();
    const entry = ada.shareCalendar(ada.defaultCalendarId, GRACE, 'write')!;
    const own = ada.createEvent(anEvent({ attachments: [aFile()] }));
    const seen = (await asGrace('GET', `/me/calendars/${entry}/events`)).body.value[0];
    expect(seen.hasAttachments).toBe(true);
    const url = `/me/calendars/${entry}/events/${seen.id}/attachments`;
    const [first] = (await asGrace('GET', url)).body.value;
    expect((await asGrace('GET', `${url}/${first.id}`)).body.name).toBe('plan.pdf');
    expect((await asGrace('POST', url, aFile({ name: 'notes.txt' }))).status).toBe(201);
    expect((await asGrace('DELETE', `${url}/${first.id}`)).status).toBe(204);
    expect(ada.getEvent(own.id)!['hasAttachments']).toBe(true);
    const body = { AttachmentItem: { attachmentType: 'file', name: 'x', size: 4_000_000 } };
    expect((await asGrace('POST', `${url}/createUploadSession`, body)).status).toBe(403);
  });
});

describe('an upload session', () => {
  const SIZE = 4 * 1024 * 1024;
  const item = (change: object = {}) => ({
    AttachmentItem: { attachmentType: 'file', name: 'film.mp4', size: SIZE, ...change },
  });
  const put = (bytes: Uint8Array<ArrayBuffer>, first: number, total = SIZE) => ({
    method: 'PUT',
    headers: {
      'content-type': 'application/octet-stream',
      'content-range': `bytes ${first}-${first + bytes.length - 1}/${total}`,
    },
    body: bytes,
  });

  it('takes a large file in ranges, without a token, on the simulator’s own host', async () => {
    const { sim, call, url, id } = await withEvent();
    const opened = await call('POST', `${url}/createUploadSession`, item());
    expect(opened.status).toBe(201);
    expect(opened.body).toMatchObject({ nextExpectedRanges: ['0-'], expirationDateTime: '2026-03-03T08:00:00Z' });
    const { uploadUrl } = opened.body;
    expect(uploadUrl.startsWith('http://graph.sim.test/')).toBe(true);
    const content = new Uint8Array(SIZE).map((_, at) => (at * 31) % 256);
    const half = SIZE / 2;
    const first = await sim.fetch(uploadUrl, put(content.slice(0, half), 0));
    expect([first.status, await first.json()]).toMatchObject([200, { nextExpectedRanges: [String(half)] }]);
    const gap = await sim.fetch(uploadUrl, put(content.slice(0, 10), 0));
    expect(gap.status).toBe(416);
    const last = await sim.fetch(uploadUrl, put(content.slice(half), half));
    expect([last.status, await last.text()]).toEqual([201, '']);
    expect(last.headers.get('location')).toContain('/Attachments(');
    const attachment = (await call('GET', url)).body.value[0];
    expect(attachment).toMatchObject({ name: 'film.mp4', size: SIZE });
    expect(Buffer.from(attachment.contentBytes, 'base64').equals(Buffer.from(content))).toBe(true);
    expect((await call('GET', `~/events/${id}`)).body.hasAttachments).toBe(true);
    expect((await sim.fetch(uploadUrl, put(content.slice(0, 10), 0))).status).toBe(404);
  });

  it('keeps every byte over a socket', async () => {
    const { sim, token, id } = await withEvent();
    const server = await sim.listen();
    try {
      const url = `${server.url}/v1.0/users/${ADDRESS}/events/${id}/attachments`;
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = JSON.stringify(item());
      const opened = await fetch(`${url}/createUploadSession`, { method: 'POST', headers, body });
      const { uploadUrl } = (await opened.json()) as { uploadUrl: string };
      expect(uploadUrl.startsWith(server.url)).toBe(true);
      const content = new Uint8Array(SIZE).fill(200);
      expect((await fetch(uploadUrl, put(content, 0))).status).toBe(201);
      const listed = (await (await fetch(url, { headers })).json()) as { value: { contentBytes: string }[] };
      expect(Buffer.from(listed.value[0]!.contentBytes, 'base64').equals(Buffer.from(content))).toBe(true);
    } finally {
      await server.close();
    }
  });

  it('is not reached through the address of another one', async () => {
    const { sim, call, url } = await withEvent();
    const open = async (name: string) =>
      (await call('POST', `${url}/createUploadSession`, item({ name }))).body.uploadUrl;
    const first = await open('first');
    const second = await open('second');
    expect((await sim.fetch(first, { method: 'DELETE' })).status).toBe(204);
    const third = await open('third');
    expect(new Set([first, second, third]).size).toBe(3);
    expect((await sim.fetch(first)).status).toBe(404);
    expect(await (await sim.fetch(second)).json()).toMatchObject({ nextExpectedRanges: ['0'] });
  });

  it('refuses small files, huge ones, forged addresses and late ranges', async () => {
    const { sim, call, url, clock } = await withEvent();
    const open = (size: number) => call('POST', `${url}/createUploadSession`, item({ size }));
    expect((await open(1000)).body.error.code).toBe('ErrorAttachmentSizeShouldNotBeLessThanMinimumSize');
    expect((await open(151 * 1024 * 1024)).status).toBe(413);
    const { uploadUrl } = (await open(SIZE)).body;
    expect((await sim.fetch(`${uploadUrl}x`, put(new Uint8Array(10), 0))).status).toBe(401);
    expect((await sim.fetch(uploadUrl, { method: 'PUT', body: 'x' })).status).toBe(400);
    clock.now += 25 * 3_600_000;
    expect((await sim.fetch(uploadUrl, put(new Uint8Array(10), 0))).status).toBe(404);
  });
});
