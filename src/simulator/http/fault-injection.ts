import type { Mailbox } from '../mailbox/mailbox.ts';
import type { World } from '../mailbox/world.ts';
import { wait } from '../runtime.ts';
import { bodyText } from './answers.ts';
import { challengeClaims, doubled, refused, repeated, silent, tokenDied } from './fault-answers.ts';
import type { FaultScript, ScriptedFault } from './faults.ts';
import type { SimulatedRequest, SimulatedResponse } from './http-types.ts';
import type { StaleReads } from './stale-reads.ts';

/** The connection was cut: the caller gets no answer at all. */
export class ConnectionDropped extends Error {
  override readonly name = 'ConnectionDropped';
}

/** What a fault needs besides itself. */
export interface StruckRequest {
  request: SimulatedRequest;
  isBatchItem: boolean;
  /** The mailbox the path addresses. */
  mailbox: Mailbox | undefined;
  world: World;
  script: FaultScript;
  stale: StaleReads;
}

/**
 * Answers a request a fault has hit.
 *
 * @param answer carries the request out, for the faults that strike after the commit
 * @throws {GraphError} the refusal the fault stands for; {@link ConnectionDropped}
 */
export async function strike(
  fault: ScriptedFault,
  struck: StruckRequest,
  answer: () => Promise<SimulatedResponse>,
): Promise<SimulatedResponse> {
  const { request, world } = struck;
  switch (fault.kind ?? 'status') {
    case 'status':
      return refused(fault);
    case 'status-after-commit':
      await answer();
      return refused(fault);
    case 'drop-before':
      throw new ConnectionDropped('connection dropped before the request');
    case 'drop-after-commit':
      await answer();
      throw new ConnectionDropped('connection dropped before the answer');
    case 'reset-in-body': {
      const whole = await answer();
      // An item has no connection of its own, and nothing to cut is nothing told.
      if (struck.isBatchItem || bodyText(whole) === '') throw new ConnectionDropped('connection reset');
      return { ...whole, isCutShort: true };
    }
    case 'truncated-json': {
      const { status, headers, ...whole } = await answer();
      const text = bodyText({ status, headers, ...whole });
      return { status, headers, text: text.slice(0, Math.floor(text.length / 2)) };
    }
    case 'gateway-html':
      return refused({ like: 'gateway-html', ...fault });
    case 'gateway-empty':
      return refused({ like: 'gateway-empty', ...fault });
    case 'slow':
      if (fault.afterCommit === true) {
        const late = await answer();
        await wait(fault.slowMs ?? 1000, request.signal);
        return late;
      }
      await wait(fault.slowMs ?? 1000, request.signal);
      return answer();
    case 'hang':
      if (fault.afterCommit === true) await answer();
      await wait(Number.POSITIVE_INFINITY, request.signal);
      throw new ConnectionDropped('the connection hung');
    case 'claims-challenge':
      return challengeClaims(request, world.now());
    case 'resync':
      return tokenDied(fault, request);
    case 'repeat-page':
      return repeated(await answer(), request);
    case 'silent-delta':
      return silent(request);
    case 'duplicate-items':
      return doubled(await answer());
    case 'stale-read':
      return readStaleAfter(fault, struck, answer);
    case 'clock-jump':
      return jump(fault, world, answer);
  }
}

async function jump(
  fault: ScriptedFault,
  world: World,
  answer: () => Promise<SimulatedResponse>,
): Promise<SimulatedResponse> {
  const jumpMs = fault.jumpMs ?? 3_600_000;
  if (fault.momentary !== true) {
    world.jumpClock(jumpMs);
    return answer();
  }
  const response = await answer();
  return { ...response, headers: { ...response.headers, date: new Date(world.now() + jumpMs).toUTCString() } };
}

/** Carries a write out and lets the reads that follow see what was there before. */
async function readStaleAfter(
  fault: ScriptedFault,
  { request, mailbox, script, stale }: StruckRequest,
  answer: () => Promise<SimulatedResponse>,
): Promise<SimulatedResponse> {
  const before = stale.before(mailbox, request);
  const response = await answer();
  if (mailbox === undefined || response.status >= 400) return response;
  stale.keep(mailbox, before ?? stale.absentBefore(mailbox, response), fault.reads ?? 1);
  const rounds = fault.deltaRounds ?? 0;
  if (rounds > 0) script.add({ kind: 'silent-delta', mailbox: mailbox.state.id, count: rounds });
  return response;
}
