import { beforeAll, expect, it } from 'vitest';
import { describeWithShared } from './shared-data.ts';
import { aSeries, MEETING, RICH } from './tour/bodies.ts';
import { Traveller } from './traveller.ts';
import { type Json, WireSchema } from './wire-schema.ts';

/** One value of every kind of JSON; none is right for every property. */
const VALUES: readonly unknown[] = [5, 1.5, true, 'nonsense', {}, { nonsense: 1 }, [], ['nonsense'], [{}], [5]];

describeWithShared('graph-openapi', 'bodies that contradict the description', () => {
  let schema: WireSchema;
  beforeAll(() => {
    schema = new WireSchema();
  });

  it.each([
    { what: 'an event', type: 'event', path: '/events', body: RICH as Json },
    { what: 'a meeting', type: 'event', path: '/events', body: MEETING as Json },
    { what: 'a series', type: 'event', path: '/events', body: aSeries() as Json },
    { what: 'a calendar', type: 'calendar', path: '/calendars', body: { name: 'Kiln', color: 'auto' } as Json },
  ])('are refused, property by property: $what', async ({ type, path, body }) => {
    const t = new Traveller();
    const described = schema.schema(`microsoft.graph.${type}`);
    const taken: string[] = [];
    let wrong = 0;
    for (const at of pathsOf(body)) {
      for (const value of VALUES) {
        const changed = replaced(body, at, value);
        if (schema.complaints(changed, described).length === 0) continue;
        wrong += 1;
        const { status } = await t.post(`/users/${t.mailbox.address}${path}`, changed);
        if (status !== 400) taken.push(`${at.join('.')} = ${JSON.stringify(value)}: ${status}`);
      }
    }
    expect(wrong).toBeGreaterThan(10);
    expect(taken).toEqual([]);
  });
});

type Path = readonly (string | number)[];

function pathsOf(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  const inner = Object.entries(value).flatMap(([name, each]) =>
    pathsOf(each, [...at, Array.isArray(value) ? Number(name) : name]),
  );
  return at.length === 0 ? inner : [at, ...inner];
}

function replaced(body: Json, [...at]: Path, value: unknown): Json {
  const copy = structuredClone(body);
  const last = at.pop()!;
  // biome-ignore lint/suspicious/noExplicitAny: walks a body of any shape
  const parent = at.reduce<any>((each, name) => each[name], copy);
  parent[last] = value;
  return copy;
}
