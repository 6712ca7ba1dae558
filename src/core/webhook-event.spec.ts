import { webcrypto } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bodyOf, signatureHeaders, writeSecret } from './webhook-event.ts';

describe('a delivery’s signature', () => {
  it('is the one Standard Webhooks’ own libraries are tested with', () => {
    // The example of the Svix and Standard Webhooks libraries.
    const headers = signatureHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      at: new Date(1_614_265_330_000),
      body: '{"test": 2432232314}',
    });
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is verified by an independent computation', async () => {
    const secret = writeSecret(Uint8Array.from({ length: 32 }, (_, n) => n * 7));
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const body = bodyOf({ type: 'event.created', timestamp: '2026-03-02T08:00:00.000Z', data: { id: 'ünïcode' } });
    const sent = signatureHeaders(secret, { id: 'msg_1', at: new Date('2026-03-02T08:00:01.900Z'), body });
    const raw = Uint8Array.from(atob(secret.replace('whsec_', '')), (char) => char.charCodeAt(0));
    const key = await webcrypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
    const signed = new TextEncoder().encode(`${sent['webhook-id']}.${sent['webhook-timestamp']}.${body}`);
    const signature = Uint8Array.from(atob(sent['webhook-signature'].slice(3)), (char) => char.charCodeAt(0));
    expect(await webcrypto.subtle.verify('HMAC', key, signature, signed)).toBe(true);
    expect(sent['webhook-timestamp']).toBe(String(Date.parse('2026-03-02T08:00:01Z') / 1000));
  });

  it('covers the same text every time, however the members come', () => {
    const timestamp = '2026-03-02T08:00:00.000Z';
    const body = bodyOf({ data: { id: 'e1' }, timestamp, type: 'event.deleted' });
    expect(body).toBe(`{"type":"event.deleted","timestamp":"${timestamp}","data":{"id":"e1"}}`);
  });
});
