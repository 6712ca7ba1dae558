import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAULT_KINDS } from '../http/fault-kinds.ts';
import { defaultSwitches } from '../switches.ts';
import { CONTROL_ROUTES } from './control-plane.ts';

const GUIDE = readFileSync(join(import.meta.dirname, '../../../docs/simulator.md'), 'utf8');

describe('docs/simulator.md', () => {
  it('has every switch with its default', () => {
    const missing = Object.entries(defaultSwitches).filter(
      ([name, value]) => !GUIDE.includes(`| \`${name}\` | \`${String(value)}\` |`),
    );
    expect(missing.map(([name, value]) => `| \`${name}\` | \`${String(value)}\` | … |`)).toEqual([]);
  });

  it('has no switch that is gone', () => {
    const table = GUIDE.slice(GUIDE.indexOf('\n## Switches'), GUIDE.indexOf('\n## Clock'));
    const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(named.filter((name) => !Object.hasOwn(defaultSwitches, name!))).toEqual([]);
  });

  it('has every route of the control plane, and no other', () => {
    const routes = CONTROL_ROUTES.map(({ method, path }) => `${method} ${path === '/' ? '/simulator' : path}`);
    const named = [...GUIDE.matchAll(/^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)` \|/gm)].map(([, call]) => call);
    expect(named.toSorted()).toEqual(routes.toSorted());
  });

  it('has every kind of fault', () => {
    expect(FAULT_KINDS.filter((kind) => !GUIDE.includes(`\`${kind}\``))).toEqual([]);
  });
});
