import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { defaultSwitches } from '../switches.ts';
import { isValueOf, SWITCH_CHOICES, SWITCH_NAMES } from './switch-values.ts';

const SOURCE = readFileSync(join(import.meta.dirname, '../switches.ts'), 'utf8');

/** `name: 'a' | 'b';` in the interface, as values. */
function choicesInSource(): Record<string, unknown[]> {
  const found = SOURCE.matchAll(/^ {2}(\w+): ((?:'[^']*'|\d+)(?:\s*\|\s*(?:'[^']*'|\d+))+);$/gm);
  return Object.fromEntries(
    [...found].map(([, name, union = '']) => [
      name,
      union.split('|').map((text) => JSON.parse(text.trim().replaceAll("'", '"')) as unknown),
    ]),
  );
}

it('knows every choice of every switch', () => {
  const choices = choicesInSource();
  expect(Object.keys(choices).length).toBeGreaterThan(10);
  const { deltaTokenDeath, ...written } = SWITCH_CHOICES;
  expect(written).toEqual(choices);
  expect(deltaTokenDeath).toContain('malformed-token');
});

it('takes every default', () => {
  expect(SWITCH_NAMES.filter((name) => !isValueOf(name, defaultSwitches[name]))).toEqual([]);
});
