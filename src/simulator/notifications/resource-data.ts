import { constants, createCipheriv, createHmac, publicEncrypt } from 'node:crypto';
import { type SigningKey, signJwt } from '../identity/signing-keys.ts';
import { renderInstance, renderItem } from '../mailbox/event-render.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { instanceOf } from '../mailbox/series.ts';
import type { World } from '../mailbox/world.ts';
import { SeededRandom } from '../runtime.ts';
import { readCertificate } from './certificate.ts';
import type { QueuedNotification } from './delivery-queue.ts';
import type { Subscription } from './subscription.ts';

/** The application that publishes notifications, as its tokens name it; the same in every tenant. */
const PUBLISHER = '0bf30f3b-4a52-48df-9a82-234910c4a086';
const TOKEN_SECONDS = 3600;

/** Rich notifications: the event itself, encrypted for its subscriber, and tokens that prove who sends it. */
export class ResourceData {
  readonly #world: World;
  readonly #signingKey: () => SigningKey;
  /** Of its own: keys of deliveries are stored nowhere. */
  readonly #random: SeededRandom;

  constructor(o: { world: World; signingKey: () => SigningKey; seed: number }) {
    this.#world = o.world;
    this.#signingKey = o.signingKey;
    this.#random = new SeededRandom(o.seed);
  }

  /** The notification with the selected properties as they are now; without them once the event is gone. */
  complete(subscription: Subscription, { body, about }: QueuedNotification): Record<string, unknown> {
    const mailbox = this.#world.findMailbox(subscription.target.mailbox);
    if (about === undefined || mailbox === undefined) return body;
    const event = this.#event(mailbox, subscription, about);
    return event === undefined ? body : { ...body, encryptedContent: this.#encrypt(subscription, event) };
  }

  /** One token per application and tenant (Microsoft Graph "change-notifications-with-resource-data"). */
  validationTokens(subscriptions: readonly Subscription[]): string[] {
    const rich = subscriptions.filter(({ includeResourceData }) => includeResourceData === true);
    const byAudience = new Map(rich.map((each) => [`${each.applicationId}/${each.tenantId}`, each]));
    return [...byAudience.values()].map((each) => this.#token(each));
  }

  #event(mailbox: Mailbox, subscription: Subscription, { n, date }: { n: number; date: string }) {
    const item = mailbox.item(n);
    if (item === undefined || item.deleted || item.cancelled.includes(date)) return undefined;
    const view = { form: subscription.idForm, zone: 'UTC', bodyType: 'html' } as const;
    const event: Record<string, unknown> =
      date === ''
        ? { ...renderItem(mailbox, item, view) }
        : { ...renderInstance(mailbox, item, instanceOf(item, date), view) };
    const names = ['@odata.etag', 'id', ...subscription.target.select];
    return Object.fromEntries(names.filter((name) => name in event).map((name) => [name, event[name]]));
  }

  #encrypt({ encryptionCertificate, encryptionCertificateId }: Subscription, event: object) {
    const certificate = readCertificate(encryptionCertificate ?? '');
    if (certificate === undefined) throw new Error('a stored certificate cannot be read');
    const key = Buffer.from(Array.from({ length: 32 }, () => Math.floor(this.#random.next() * 256)));
    const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16));
    const data = Buffer.concat([cipher.update(JSON.stringify(event), 'utf8'), cipher.final()]);
    const padding = { key: certificate.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
    return {
      data: data.toString('base64'),
      dataKey: publicEncrypt(padding, key).toString('base64'),
      dataSignature: createHmac('sha256', key).update(data).digest('base64'),
      encryptionCertificateId,
      encryptionCertificateThumbprint: certificate.fingerprint.replaceAll(':', ''),
    };
  }

  #token({ applicationId, tenantId, issuer }: Subscription): string {
    const now = Math.floor(this.#world.now() / 1000);
    return signJwt(this.#signingKey(), {
      aud: applicationId,
      iss: issuer,
      iat: now,
      nbf: now,
      exp: now + TOKEN_SECONDS,
      azp: PUBLISHER,
      azpacr: '2',
      tid: tenantId,
      ver: '2.0',
    });
  }
}
