import type { Dice } from './dice.ts';

/** What an object may not be made into: names every object has, as JSON has them. */
const EVIL_OBJECTS = [
  '{"__proto__":{"isAdmin":true,"value":[]}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"toString":5,"hasOwnProperty":null,"then":1,"length":-1}',
];

/** Values that fit nearly nowhere. */
const MISFITS: readonly (() => unknown)[] = [
  ...[null, true, false, 0, -1, 1.5, 1e300, -1e300, 2 ** 53, 2 ** 31, '', 'x', '0', 'null'].map((value) => () => value),
  ...['\0', 'a\0b', '\ud800', '\udc00x', '\u202e', '\r\nX-Evil: 1', '%00', '../../etc/passwd'].map(
    (text) => () => text,
  ),
  ...["' or 1=1 --", '2026-13-45T99:99:99', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59.9999999Z'].map((x) => () => x),
  ...['+275760-09-13T00:00:00Z', '-271821-04-20T00:00:00Z', '2026-03-02', 'T', '-'].map((text) => () => text),
  () => 'A'.repeat(20_000),
  () => [],
  () => ({}),
  () => [null],
  () => [[], {}, 5, 'x', null],
  () => nested(2_000),
  ...EVIL_OBJECTS.map((text) => () => JSON.parse(text) as unknown),
];

export const misfit = (dice: Dice): unknown => dice.oneOf(MISFITS)();

/** Arrays in arrays, and objects in objects, so many levels deep. */
export function nested(levels: number): unknown {
  let value: unknown = 'deep';
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** As {@link nested}, as the text it comes in: serializers give up long before parsers do. */
export const nestedText = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

type Path = readonly (string | number)[];

/**
 * One JSON value in which a few places are not what they were: replaced, left out, doubled, wrapped.
 *
 * @param spares  whether a place stays as it is
 */
export function mutatedJson(value: unknown, dice: Dice, spares: (path: Path) => boolean = () => false): unknown {
  let mutated = value;
  for (let left = 1 + dice.below(3); left > 0; left -= 1) {
    const paths = pathsIn(mutated).filter((path) => !spares(path));
    if (paths.length === 0) return mutated;
    mutated = changedAt(mutated, dice.oneOf(paths), dice);
  }
  return mutated;
}

/** The places of a value, itself included; of the deep and the large only a part, which is plenty. */
function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null || path.length > 12) return [path];
  const entries = Array.isArray(value) ? [...value.entries()].slice(0, 50) : Object.entries(value).slice(0, 200);
  return [path, ...entries.flatMap(([name, item]) => pathsIn(item, [...path, name]))];
}

function changedAt(value: unknown, [name, ...rest]: Path, dice: Dice): unknown {
  if (name === undefined) return dice.is(0.1) ? [value] : misfit(dice);
  if (Array.isArray(value)) {
    const at = Number(name);
    if (rest.length > 0) return value.map((item, index) => (index === at ? changedAt(item, rest, dice) : item));
    const how = dice.below(3);
    if (how === 0) return value.toSpliced(at, 1);
    return how === 1 ? [...value, value[at]] : value.with(at, misfit(dice));
  }
  const entries = Object.entries(value as object);
  if (rest.length === 0 && dice.is(0.3)) return Object.fromEntries(entries.filter(([other]) => other !== name));
  return Object.fromEntries(
    entries.map(([other, item]) => [
      other,
      other !== name ? item : rest.length > 0 ? changedAt(item, rest, dice) : misfit(dice),
    ]),
  );
}

/** Bytes as a bad line, a bad disk or a bad person leaves them. */
export function mutatedBytes(bytes: Uint8Array, dice: Dice): Uint8Array<ArrayBuffer> {
  const mutated = [...bytes];
  for (let left = 1 + dice.below(4); left > 0; left -= 1) {
    const at = dice.below(mutated.length + 1);
    const how = dice.below(6);
    if (how === 0) mutated.length = at;
    else if (how === 1) mutated.splice(at, 1 + dice.below(8));
    else if (how === 2) mutated.splice(at, 0, ...mutated.slice(at, at + dice.below(64)));
    else if (how === 3) mutated.splice(at, 0, dice.oneOf([0, 0x22, 0x7b, 0x5b, 0x5d, 0x7d, 0x2c, 0xff, 0xed, 0x0a]));
    else if (mutated.length > 0) mutated[at % mutated.length] = dice.below(256);
  }
  return Uint8Array.from(mutated);
}
