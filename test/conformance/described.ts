import { GAPS, type Gap } from './description-gaps.ts';
import type { Json, Operation, WireSchema } from './wire-schema.ts';

/** What the description has to say of a request: its operation, directly or by a listed gap. */
export function described(
  schema: WireSchema,
  { method, path }: { method: string; path: string },
): { operation?: Operation; gap?: Gap } {
  const operation = schema.find(method, path);
  if (operation !== undefined) return { operation };
  const gap = GAPS.find((each) => (each.method ?? method) === method && each.path.test(path));
  if (gap?.readAs === undefined) return gap ? { gap } : {};
  const other = schema.find(method, gap.readAs(path));
  return other === undefined ? { gap } : { gap, operation: other };
}

/** Parameters of actions in the spelling of the description: `comment` goes as `Comment` (README, "stricter" 4). */
export function spelled(body: unknown, properties: Record<string, Json>): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const names = new Map(Object.keys(properties).map((name) => [name.toLowerCase(), name]));
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [names.get(name.toLowerCase()) ?? name, value]),
  );
}
