import { createHash } from 'node:crypto';
import { GraphError } from '../http/graph-error.ts';
import type { Caller } from '../identity/tokens.ts';
import type { IdForm } from '../mailbox/ids.ts';
import type { World } from '../mailbox/world.ts';
import { checkCertificate } from './certificate.ts';
import { type Handshake, validateEndpoint } from './handshake.ts';
import { readResource } from './resource.ts';
import type { Subscription, SubscriptionTarget } from './subscription.ts';
import { extensionError, subscriptionNotFound } from './subscription-errors.ts';
import { readRenewal, readSubscription, type SubscriptionInput } from './subscription-input.ts';
import type { SubscriptionStore } from './subscription-store.ts';

const MINUTE_MS = 60_000;
/** Shorter lifetimes are raised (Microsoft Graph "subscription resource type"). */
const MIN_MINUTES = 45;
const MAX_MINUTES_WITH_DATA = 1_440;

export interface CreateRequest {
  body: unknown;
  idForm: IdForm;
  /** Where the caller found the service: the home of its keys. */
  origin: string;
}

export interface ServiceParts {
  world: World;
  store: SubscriptionStore;
  handshake(): Handshake;
}

/**
 * Creates a subscription once its endpoints have proved that they want it.
 *
 * Nothing is held while they are asked: an endpoint may call the service meanwhile. What was checked before is
 * therefore checked again afterwards.
 *
 * @throws {GraphError} everything a create can be refused for; nothing is stored then
 */
export async function createSubscription(parts: ServiceParts, caller: Caller, o: CreateRequest): Promise<Subscription> {
  const { world, store } = parts;
  const input = readSubscription(o.body, world.switches);
  const check = (): SubscriptionTarget => {
    const target = readResource(world, caller, input.resource);
    checkTarget(parts, caller, input, target);
    return target;
  };
  check();
  const expiresMs = readEnd(parts, input);
  const token = validationToken(world, input.notificationUrl);
  await validateEndpoint(input.notificationUrl, token, parts.handshake());
  if (input.lifecycleNotificationUrl !== null) {
    await validateEndpoint(input.lifecycleNotificationUrl, token, parts.handshake());
  }
  const { expiresMs: _asked, ...rest } = input;
  const subscription: Subscription = {
    ...rest,
    id: world.guid(),
    applicationId: caller.appid,
    tenantId: caller.tid,
    creatorId: caller.oid ?? servicePrincipalOf(caller),
    isDelegated: caller.oid !== undefined,
    issuer: `${o.origin}/${caller.tid}/v2.0`,
    target: check(),
    createdMs: world.now(),
    expiresMs,
    idForm: o.idForm,
    hasMissed: false,
    isLapsed: false,
    remindedForMs: 0,
  };
  store.put(subscription);
  return subscription;
}

/** Signed rather than drawn: a handshake that fails must not change what is stored later. */
const validationToken = (world: World, about: string): string =>
  `Validation: Testing client application reachability for subscription Request-Id: ${world.sign(`${world.now()} ${about}`)}`;

function checkTarget(parts: ServiceParts, caller: Caller, input: SubscriptionInput, target: SubscriptionTarget): void {
  if (target.what === 'calendars' && input.changes.includes('created')) {
    throw extensionError(400, "The value of parameter 'ChangeType' is invalid.");
  }
  checkCertificate(input, target);
  const others = parts.store.living.filter((each) => each.target.mailbox === target.mailbox);
  const same = others.find(
    (each) =>
      each.applicationId === caller.appid && watchesOf(each.target, each.changes) === watchesOf(target, input.changes),
  );
  if (same !== undefined) {
    throw new GraphError(409, 'Conflict', `Subscription Id ${same.id} already exists for the requested combination`);
  }
  if (others.length >= parts.world.switches.subscriptionQuota) {
    throw extensionError(403, 'The limit of subscriptions for the mailbox has been reached.');
  }
}

/** `/me/events` and `/users/{id}/events` are the same resource, `updated,created` the same as `created,updated`. */
const watchesOf = ({ what, folder }: SubscriptionTarget, changes: readonly string[]): string =>
  `${what}/${folder ?? ''}/${[...changes].sort().join()}`;

/** When it will end: not too soon, and refused when too late. */
function readEnd(
  { world }: ServiceParts,
  o: { expiresMs: number; includeResourceData: boolean | null },
  isRenewal = false,
): number {
  const ordinary = world.switches.subscriptionMaxMinutes;
  const limit = o.includeResourceData === true ? Math.min(MAX_MINUTES_WITH_DATA, ordinary) : ordinary;
  const now = world.now();
  if (o.expiresMs > now + limit * MINUTE_MS) {
    const message = `Subscription expiration can only be ${limit} minutes in the future.`;
    throw new GraphError(400, isRenewal ? 'ErrorInvalidParameter' : 'ExtensionError', message);
  }
  return Math.max(o.expiresMs, now + MIN_MINUTES * MINUTE_MS);
}

/** The object id of an application in the tenant is another one than its client id, and always the same. */
function servicePrincipalOf({ appid, tid }: Caller): string {
  const digits = createHash('sha256').update(`${tid}/${appid}`).digest('hex');
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `a${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join('-');
}

/** What a caller may see: an application everything it created, a user what was created for them. */
export const visibleTo =
  ({ appid, tid, oid }: Caller) =>
  (subscription: Subscription): boolean =>
    subscription.applicationId === appid &&
    subscription.tenantId === tid &&
    (oid === undefined || (subscription.isDelegated && subscription.creatorId === oid));

/** @throws {GraphError} 404 `ResourceNotFound`, also for one that expired or belongs to somebody else */
export function getSubscription({ store }: ServiceParts, caller: Caller, id: string): Subscription {
  const found = store.find(id);
  if (found === undefined || !visibleTo(caller)(found)) throw subscriptionNotFound();
  return found;
}

/**
 * Moves the end, or the address after a new handshake. Either renews the authorisation as well.
 *
 * @throws {GraphError} 400, 404; nothing is changed then
 */
export async function renewSubscription(
  parts: ServiceParts,
  caller: Caller,
  o: { id: string; body: unknown },
): Promise<Subscription> {
  const { world, store } = parts;
  const before = getSubscription(parts, caller, o.id);
  const input = readRenewal(o.body, world.switches);
  const expiresMs =
    input.expiresMs === undefined ? undefined : readEnd(parts, { ...before, expiresMs: input.expiresMs }, true);
  if (input.notificationUrl !== undefined && input.notificationUrl !== before.notificationUrl) {
    await validateEndpoint(input.notificationUrl, validationToken(world, o.id), parts.handshake());
  }
  // Looked up again: it may have gone while its endpoint was asked.
  const subscription = getSubscription(parts, caller, o.id);
  if (expiresMs !== undefined) subscription.expiresMs = expiresMs;
  if (input.notificationUrl !== undefined) subscription.notificationUrl = input.notificationUrl;
  subscription.isLapsed = false;
  store.put(subscription);
  return subscription;
}

/** Renews the authorisation and nothing else. @throws {GraphError} 404 */
export function reauthorizeSubscription(parts: ServiceParts, caller: Caller, id: string): void {
  const subscription = getSubscription(parts, caller, id);
  subscription.isLapsed = false;
  parts.store.put(subscription);
}

/** @throws {GraphError} 404 */
export function deleteSubscription(parts: ServiceParts, caller: Caller, id: string): void {
  parts.store.remove(getSubscription(parts, caller, id).id);
}
