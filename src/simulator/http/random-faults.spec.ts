import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';
import type { SimulatorOptions } from '../graph-simulator.ts';
import { FAULT_KINDS, type FaultTarget } from './fault-kinds.ts';
import { randomFault } from './random-faults.ts';

/** What befell a row of requests. */
async function row(options: SimulatorOptions, length = 30) {
  const { sim, token } = simulate(options);
  const headers = { authorization: `Bearer ${token}` };
  for (let request = 0; request < length; request += 1) {
    const path = `/v1.0/users/${ADDRESS}/calendarView/delta?${MARCH_TO_MAY}`;
    await sim.fetch(path, { headers }).then(
      (answer) => answer.text().catch(() => ''),
      () => '',
    );
  }
  return sim.requests.map(({ fault, status, code }) => `${fault ?? 'fine'} ${status} ${code ?? ''}`);
}

const switches = { faultRate: 0.5, faultKinds: 'all' as const };

describe('random faults', () => {
  it('come in the same row for the same seed, and in another for another', async () => {
    const first = await row({ seed: 7, switches });
    expect(await row({ seed: 7, switches })).toEqual(first);
    expect(await row({ seed: 8, switches })).not.toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(5);
  });

  it('have a seed of their own', async () => {
    const first = await row({ seed: 7, switches: { ...switches, faultSeed: 99 } });
    expect(await row({ seed: 8, switches: { ...switches, faultSeed: 99 } })).toEqual(first);
    expect(await row({ seed: 7, switches: { ...switches, faultSeed: 98 } })).not.toEqual(first);
  });

  it('leave what is stored the same: ids, keys and tokens do not depend on them', async () => {
    const stored = async (faultRate: number) => {
      const { sim, mailbox } = simulate({ switches: { faultRate, faultKinds: { slow: 1, 'clock-jump': 1 } } });
      const headers = { authorization: `Bearer ${sim.accessToken()}`, 'content-type': 'application/json' };
      for (let at = 0; at < 5; at += 1) {
        const body = JSON.stringify(anEvent({ subject: String(at) }));
        await sim.fetch(`/v1.0/users/${ADDRESS}/events`, { method: 'POST', headers, body });
      }
      return mailbox.listEvents();
    };
    expect(await stored(1)).toEqual(await stored(0));
  });

  it('are of every kind but the one that never ends', () => {
    const target = (method: string, path: string): FaultTarget => ({
      ...{ method, path, mailboxes: [], batchItem: false, isIdentity: false },
    });
    const targets = [target('GET', '/v1.0/me/calendarView/delta?$deltatoken=x'), target('PATCH', '/v1.0/me/events/x')];
    const seen = new Set<string>();
    for (let ordinal = 0; ordinal < 2000; ordinal += 1) {
      for (const each of targets) {
        const fault = randomFault(each, { seed: 1, ordinal, rate: 1, kinds: 'all' });
        if (fault?.kind !== undefined) seen.add(fault.kind);
      }
    }
    expect([...seen].sort()).toEqual(FAULT_KINDS.filter((kind) => kind !== 'hang').sort());
  });

  it('follow the weights they are given', () => {
    const target = { method: 'GET', path: '/v1.0/me/events', mailboxes: [], batchItem: false, isIdentity: false };
    const kinds = Array.from({ length: 400 }, (_, ordinal) =>
      randomFault(target, { seed: 3, ordinal, rate: 1, kinds: { slow: 3, 'drop-before': 1, resync: 9 } }),
    ).map((fault) => fault?.kind);
    const slow = kinds.filter((kind) => kind === 'slow').length;
    expect(new Set(kinds)).toEqual(new Set(['slow', 'drop-before']));
    expect([slow > 260, slow < 340]).toEqual([true, true]);
  });
});
