/**
 * What can go wrong with one request.
 *
 * - `status`: refused without being looked at; `status-after-commit`: carried out, but the answer says it failed
 * - `drop-before`, `drop-after-commit`: the connection is cut before the request is looked at, or after it was carried out
 * - `reset-in-body`: carried out, and the connection is cut in the middle of the answer's body
 * - `truncated-json`: carried out, and the answer ends early although the connection is sound
 * - `gateway-html`, `gateway-empty`: a gateway answers instead of Graph
 * - `slow`: answered late; `hang`: no answer until the caller gives up
 * - `claims-challenge`: 401 of continuous access evaluation, with `claims` for the next token
 * - `resync`: a delta call answers that its token is dead
 * - `repeat-page`: the page's nextLink leads to the page itself
 * - `silent-delta`: a new round tells nothing, and its link is the old one: the changes come in a later round
 * - `duplicate-items`: every item of a delta page comes twice
 * - `stale-read`: after the write, reads of the event still show what was there before
 * - `clock-jump`: the simulator's clock jumps before the request is carried out
 */
export const FAULT_KINDS = [
  ...['status', 'status-after-commit', 'drop-before', 'drop-after-commit', 'reset-in-body', 'truncated-json'],
  ...['gateway-html', 'gateway-empty', 'slow', 'hang', 'claims-challenge', 'resync', 'repeat-page', 'silent-delta'],
  ...['duplicate-items', 'stale-read', 'clock-jump'],
] as FaultKind[];

export type FaultKind =
  | 'status'
  | 'status-after-commit'
  | 'drop-before'
  | 'drop-after-commit'
  | 'reset-in-body'
  | 'truncated-json'
  | 'gateway-html'
  | 'gateway-empty'
  | 'slow'
  | 'hang'
  | 'claims-challenge'
  | 'resync'
  | 'repeat-page'
  | 'silent-delta'
  | 'duplicate-items'
  | 'stale-read'
  | 'clock-jump';

/** A request as faults see it. */
export interface FaultTarget {
  method: string;
  /** Percent-decoded, with its query. */
  path: string;
  mailboxes: string[];
  batchItem: boolean;
  /** The item's id within its batch. */
  batchItemId?: string | undefined;
  isIdentity: boolean;
}

const isDelta = ({ method, path }: FaultTarget): boolean =>
  method === 'GET' && /\/(microsoft\.graph\.)?delta\b/i.test(path);

const isList = (target: FaultTarget): boolean =>
  isDelta(target) ||
  (target.method === 'GET' && /\/(events|calendarview|calendars|instances)(\?|$)/i.test(target.path));

/** Kinds that make sense for some requests only; the others strike any. */
const APPLIES: Partial<Record<FaultKind, (target: FaultTarget) => boolean>> = {
  'claims-challenge': ({ isIdentity }) => !isIdentity,
  resync: isDelta,
  'repeat-page': isList,
  'silent-delta': (target) => isDelta(target) && /(\$|%24)deltatoken=./i.test(target.path),
  'duplicate-items': isDelta,
  'stale-read': ({ method, path }) => method !== 'GET' && /\/events\b/i.test(path),
};

export const applies = (kind: FaultKind, target: FaultTarget): boolean => APPLIES[kind]?.(target) ?? true;
