import { dialect } from '../http/dialects.ts';
import { badRequest, GraphError } from '../http/graph-error.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Window } from '../mailbox/window.ts';
import type { World } from '../mailbox/world.ts';

/** Where a round goes on: after this item and part. */
export interface DeltaCursor {
  n: number;
  part: string;
}

/** `since` of a round that tells everything. */
export const FIRST_ROUND = -1;

/** What a link carries. Everything: the server keeps no state of a round, so links survive a restart. */
export interface DeltaToken {
  mailboxId: string;
  folder: number;
  window: Window;
  /** Changes after this are the round's; {@link FIRST_ROUND} stands for the first, complete one. */
  since: number;
  /** Changes up to this are the round's; later ones belong to the next. */
  until: number;
  /** Absent in a deltaLink, which opens a new round. */
  cursor?: DeltaCursor | undefined;
  page: number;
  serial: number;
  /** Rounds in a row that told nothing although there was something. */
  silent?: number | undefined;
  /** Items that will not be told of again. */
  lost?: readonly number[] | undefined;
  /** Of `events/delta`; absent: of `calendarView/delta`. */
  isOfEvents?: boolean;
}

/** Real tokens are 150 characters and more; nobody may count on short ones. */
const PREFIX = 'R0usmc';

export function writeToken(world: World, token: DeltaToken): string {
  const text = Buffer.from(JSON.stringify(token)).toString('base64url');
  return `${PREFIX}${text}.${world.sign(text)}`;
}

/**
 * @throws {GraphError} 400 `BadRequest` "Badly formed token." for anything not issued here for this calendar;
 *   410 `SyncStateNotFound`, or whatever `deltaTokenDeath` says, for a token that was evicted or is ahead of the store
 */
export function readToken(
  world: World,
  mailbox: Mailbox,
  folder: number,
  text: string,
  isOfEvents = false,
): DeltaToken {
  const [payload, signature] = text.startsWith(PREFIX) ? text.slice(PREFIX.length).split('.') : [];
  if (payload === undefined || signature === undefined || !world.isSigned(payload, signature)) throw badlyFormed();
  const token = JSON.parse(Buffer.from(payload, 'base64url').toString()) as DeltaToken;
  if (token.mailboxId !== mailbox.state.id) throw badlyFormed();
  if ((token.isOfEvents ?? false) !== isOfEvents) throw badlyFormed();
  const isAhead = token.until >= mailbox.state.nextSeq || mailbox.isTokenDiscarded(token.serial);
  if (token.serial < mailbox.state.oldestToken || isAhead) {
    throw tokenDied(world, token.serial, mailbox.state.tokensIssued);
  }
  // A dead link of a calendar that was replaced is dead, not malformed.
  if (token.folder !== folder) throw badlyFormed();
  return token;
}

/** The window a link was issued for, read without asking whether the link is good. */
function windowOfToken(text: string): Window | undefined {
  try {
    const payload = text.slice(PREFIX.length).split('.')[0] ?? '';
    return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as DeltaToken).window;
  } catch {
    return undefined;
  }
}

const badlyFormed = (): GraphError => badRequest('Badly formed token.');

function tokenDied(world: World, serial: number, newest: number): GraphError {
  const { status, code = '', message = '' } = dialect(world.switches.deltaTokenDeath);
  const generation = `generation=${serial};[highest=${newest}][${newest}].`;
  return new GraphError(status, code, message.replace(/generation=.*/, generation));
}

/** Where a round starts again: the window of a link's token, or of the query itself, and no token. */
export function restartUrl(url: URL): string {
  const token = url.searchParams.get('$deltatoken') ?? url.searchParams.get('$skiptoken');
  const window = token === null ? undefined : windowOfToken(token);
  const query =
    window === undefined
      ? [...url.searchParams].filter(([name]) => !/token$/i.test(name)).map((pair) => pair.join('='))
      : [
          `startDateTime=${new Date(window.startMs).toISOString()}`,
          `endDateTime=${new Date(window.endMs).toISOString()}`,
        ];
  return `${url.origin}${url.pathname}?${[...query, '$deltatoken='].join('&')}`;
}

/** Counts an issued token and evicts the oldest ones when the mailbox keeps only so many. */
export function nextSerial(world: World, mailbox: Mailbox): number {
  const { state } = mailbox;
  state.tokensIssued += 1;
  const kept = world.switches.deltaTokensKept;
  if (kept > 0) state.oldestToken = Math.max(state.oldestToken, state.tokensIssued - kept + 1);
  mailbox.markDirty();
  return state.tokensIssued;
}

/** Makes every token issued so far dead: the next use answers 410. */
export function expireTokens(mailbox: Mailbox): void {
  mailbox.state.oldestToken = mailbox.state.tokensIssued + 1;
  mailbox.markDirty();
}
