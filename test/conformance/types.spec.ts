import { expect, it } from 'vitest';
import { described } from './described.ts';
import { UNKNOWN_NAMES } from './description-gaps.ts';
import { type Claim, typeErrors, withoutAnnotations } from './published-types.ts';
import { describeWithShared } from './shared-data.ts';
import { takeTour } from './tour/tour.ts';
import type { Exchange } from './traveller.ts';
import { WireSchema } from './wire-schema.ts';

/**
 * Names the service sends and the published types lack: the same as the description lacks, and the properties of an
 * attached item, which may be of any kind and is typed as `OutlookItem` only.
 */
const UNTYPED = new Set(['item', ...Object.keys(UNKNOWN_NAMES).map((name) => name.split('.').at(-1)!)]);

describeWithShared('graph-openapi', "what goes over the wire, as Microsoft's published types", () => {
  it('is refused by the compiler where it is of another type', () => {
    const wrong: Claim[] = [
      { type: 'Event', value: { subject: 5 } },
      { type: 'Event', value: { showAs: 'sometimes' } },
      { type: 'Event', value: { nonsense: 1 } },
      { type: 'Calendar', value: { color: 'mauve' } },
      { type: 'Subscription', value: { expirationDateTime: 5 } },
    ];
    expect(typeErrors(wrong)).toHaveLength(wrong.length);
    expect(typeErrors([{ type: 'Event', value: { subject: 'Tile order', showAs: 'busy' } }])).toEqual([]);
  });

  it('compiles: every answer of the tour, and every body it sent that was taken', async () => {
    const schema = new WireSchema();
    const { exchanges, notifications } = await takeTour();
    const told = notifications.map((value) => ({
      type: 'ChangeNotificationCollection',
      value: withoutAnnotations(value),
    }));
    const claims = different([...exchanges.flatMap((exchange) => claimsOf(schema, exchange)), ...told]);
    const counts = Object.groupBy(claims, ({ type }) => type);
    console.log(
      Object.entries(counts)
        .map(([type, each]) => `${each?.length} ${type}`)
        .join(', '),
    );
    expect(Object.keys(counts)).toEqual(expect.arrayContaining(['Event', 'Calendar', 'User', 'TimeZoneInformation']));
    expect(typeErrors(claims)).toEqual([]);
  });
});

function claimsOf(schema: WireSchema, exchange: Exchange): Claim[] {
  const { operation } = described(schema, exchange);
  if (operation === undefined || exchange.status >= 300) return [];
  const answer = operation.responses.get(String(exchange.status));
  return [...claim(schema, answer, exchange.body), ...claim(schema, operation.requestSchema, exchange.request)];
}

function claim(schema: WireSchema, described: Record<string, unknown> | undefined, body: unknown): Claim[] {
  const type = described && schema.typeOf(described);
  if (type === undefined || typeof body !== 'object' || body === null) return [];
  const values = type.isList ? (body as { value: unknown[] }).value : [body];
  return values.map((value) => ({ type: ownType(value) ?? type.name, value: withoutAnnotations(value, UNTYPED) }));
}

/** `FileAttachment` of an attachment: what it says it is. */
function ownType(value: unknown): string | undefined {
  const type = (value as { '@odata.type'?: string } | null)?.['@odata.type']?.replace(/^#?microsoft\.graph\./, '');
  return type && type[0]!.toUpperCase() + type.slice(1);
}

/** One claim of each shape: ids, times and texts apart, the same answer comes many times. */
function different(claims: Claim[]): Claim[] {
  const shape = ({ type, value }: Claim) =>
    type + JSON.stringify(value, (_, each) => (typeof each === 'string' && /[\d ]/.test(each) ? '…' : each));
  return [...new Map(claims.map((each) => [shape(each), each])).values()];
}
