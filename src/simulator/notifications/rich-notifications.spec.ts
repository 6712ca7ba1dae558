import { constants, createDecipheriv, createHmac, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { generate } from 'selfsigned';
import { beforeAll, describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, NOW, simulate } from '../../../test/support/simulator-client.ts';
import { anEndpoint } from '../../../test/support/webhook-receiver.ts';

const CLIENT = '11111111-1111-4111-8111-111111111111';
const TENANT = '22222222-2222-4222-8222-222222222222';
const days = (count: number) => new Date(NOW + count * 86_400_000).toISOString();
const keys = { privateKey: '', certificate: '', pem: '' };

beforeAll(async () => {
  const { private: privateKey, cert } = await generate([{ name: 'commonName', value: 'sync' }], { keySize: 2048 });
  Object.assign(keys, { privateKey, pem: cert, certificate: cert.replaceAll(/-----[^-]+-----|\s/g, '') });
});

function rich() {
  const endpoint = anEndpoint();
  const world = simulate({ webhookFetch: endpoint.webhookFetch, switches: { createdIsAlsoUpdated: false } });
  const subscribe = (change: Record<string, unknown> = {}) =>
    world.call('POST', '/subscriptions', {
      changeType: 'created,updated,deleted',
      resource: `/users/${ADDRESS}/events?$select=subject,start`,
      notificationUrl: 'https://sync.example.test/hook',
      expirationDateTime: days(1),
      includeResourceData: true,
      encryptionCertificate: keys.certificate,
      encryptionCertificateId: 'c1',
      ...change,
    });
  return { ...world, endpoint, subscribe };
}

/** As a subscriber does it (Microsoft Graph "change-notifications-with-resource-data"). */
function decrypt(content: { data: string; dataKey: string; dataSignature: string }): unknown {
  const padding = { key: keys.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
  const key = privateDecrypt(padding, Buffer.from(content.dataKey, 'base64'));
  const data = Buffer.from(content.data, 'base64');
  expect(createHmac('sha256', key).update(data).digest('base64')).toBe(content.dataSignature);
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16));
  return JSON.parse(Buffer.concat([decipher.update(data), decipher.final()]).toString());
}

describe('a rich notification', () => {
  it('carries the selected properties, readable with the private key alone', async () => {
    const { subscribe, mailbox, sim, endpoint } = rich();
    expect((await subscribe()).body).toMatchObject({ includeResourceData: true, encryptionCertificateId: 'c1' });
    const event = mailbox.createEvent(anEvent({ subject: 'Secret' }));
    await sim.advance(1000);
    const [notification] = endpoint.notifications();
    const { encryptedContent, resourceData } = notification;
    expect(Object.keys(encryptedContent).sort()).toEqual([
      'data',
      'dataKey',
      'dataSignature',
      'encryptionCertificateId',
      'encryptionCertificateThumbprint',
    ]);
    expect(encryptedContent.encryptionCertificateThumbprint).toMatch(/^[0-9A-F]{40}$/);
    expect(decrypt(encryptedContent)).toEqual({
      '@odata.etag': event['@odata.etag'],
      id: resourceData.id,
      subject: 'Secret',
      start: event.start,
    });
    mailbox.deleteEvent(event.id!);
    await sim.advance(1000);
    expect(endpoint.notifications()[1]).not.toHaveProperty('encryptedContent');
  });

  it('comes with tokens that prove who sent it', async () => {
    const { subscribe, mailbox, sim, endpoint } = rich();
    await subscribe();
    mailbox.createEvent(anEvent());
    await sim.advance(1000);
    const { validationTokens } = JSON.parse(endpoint.received[0]!.body);
    expect(validationTokens).toHaveLength(1);
    const jwks = await (await sim.fetch(`/${TENANT}/discovery/v2.0/keys`)).json();
    const { payload } = await jwtVerify(validationTokens[0], createLocalJWKSet(jwks), {
      audience: CLIENT,
      issuer: `http://graph.sim.test/${TENANT}/v2.0`,
      currentDate: new Date(sim.now()),
    });
    expect(payload['azp']).toBe('0bf30f3b-4a52-48df-9a82-234910c4a086');
  });

  it('is mixed with plain ones, which bring no token', async () => {
    const { subscribe, mailbox, sim, endpoint } = rich();
    await subscribe({ includeResourceData: false });
    mailbox.createEvent(anEvent());
    await sim.advance(1000);
    expect(JSON.parse(endpoint.received[0]!.body)).toEqual({
      value: [expect.not.objectContaining({ encryptedContent: expect.anything() })],
    });
  });

  it('is promised only with $select and an RSA certificate of the right size', async () => {
    const { subscribe } = rich();
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const small = (await generate([{ name: 'commonName', value: 'small' }], { keySize: 1024 })).cert;
    const elliptic = (await generate([{ name: 'commonName', value: 'x' }], { keyType: 'ec' })).cert;
    const body = (pem: string) => pem.replaceAll(/-----[^-]+-----|\s/g, '');
    for (const change of [
      { resource: `/users/${ADDRESS}/events` },
      { resource: `/users/${ADDRESS}/events?$select=subject,body` },
      { resource: `/users/${ADDRESS}/events?$select=nonsense` },
      { resource: `/users/${ADDRESS}/events?$select=subject&$top=5` },
      { resource: `/users/${ADDRESS}/calendars?$select=name`, changeType: 'updated' },
      { encryptionCertificate: undefined },
      { encryptionCertificateId: undefined },
      { encryptionCertificateId: 'x'.repeat(129) },
      { encryptionCertificate: 'nonsense' },
      { encryptionCertificate: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') },
      { encryptionCertificate: body(small) },
      { encryptionCertificate: body(elliptic) },
      { expirationDateTime: days(1.1) },
    ]) {
      expect((await subscribe(change)).status, JSON.stringify(change).slice(0, 80)).toBe(400);
    }
    expect((await subscribe({ encryptionCertificate: Buffer.from(keys.pem).toString('base64') })).status).toBe(201);
  });
});
