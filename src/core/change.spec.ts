import { describe, expect, it } from 'vitest';
import { type Change, PLAN } from './change.ts';

const CHANGES = ['absent', 'unchanged', 'changed', 'deleted'] as const satisfies readonly Change[];
const CELLS = CHANGES.flatMap((local) => CHANGES.map((remote) => [local, remote, PLAN[local][remote]] as const));

/** The same cell with the sides swapped. */
const MIRROR: Record<(typeof CELLS)[number][2], (typeof CELLS)[number][2]> = {
  none: 'none',
  'apply-remote': 'push-local',
  'push-local': 'apply-remote',
  merge: 'merge',
  'delete-local': 'delete-remote',
  'delete-remote': 'delete-local',
  'edit-or-delete': 'edit-or-delete',
  impossible: 'impossible',
};

describe('the table of plans', () => {
  it('has a cell for every pair of changes', () => {
    expect(Object.keys(PLAN).sort()).toEqual([...CHANGES].sort());
    for (const row of Object.values(PLAN)) expect(Object.keys(row).sort()).toEqual([...CHANGES].sort());
  });

  it.each(CELLS)('treats both sides alike: %s here, %s there', (local, remote, action) => {
    expect(PLAN[remote][local]).toBe(MIRROR[action]);
  });

  it.each(CELLS)(
    'never deletes an edit without asking, nor touches what nobody changed: %s, %s',
    (local, remote, action) => {
      if (local === 'changed') expect(action).not.toBe('delete-local');
      if (remote === 'changed') expect(action).not.toBe('delete-remote');
      const isMoved = [local, remote].some((change) => change === 'changed' || change === 'deleted');
      if (!isMoved) expect(['none', 'impossible']).toContain(action);
      if (action === 'delete-local') expect(remote).toBe('deleted');
      if (action === 'delete-remote') expect(local).toBe('deleted');
    },
  );

  it('cannot be reached only where one side knows of an agreement the other does not', () => {
    const impossible = CELLS.filter(([, , action]) => action === 'impossible').map(([local, remote]) => [
      local,
      remote,
    ]);
    for (const pair of impossible) {
      expect(pair.filter((change) => change === 'absent')).toHaveLength(1);
      expect(pair).not.toContain('changed');
    }
    expect(impossible).toHaveLength(4);
  });
});
