import type { StoredLocation } from './model.ts';

type Input = Record<string, unknown>;

/** What the service fills in although only a name was sent. */
function enrich(input: Input, kind: 'location' | 'member'): StoredLocation {
  const displayName = typeof input['displayName'] === 'string' ? input['displayName'] : '';
  const address = present(input['address']);
  const coordinates = present(input['coordinates']);
  const email = input['locationEmailAddress'];
  const uri = input['locationUri'];
  const type = typeof input['locationType'] === 'string' ? input['locationType'] : 'default';
  return {
    displayName,
    ...(typeof uri === 'string' && uri !== '' ? { locationUri: uri } : {}),
    ...(typeof email === 'string' && email !== '' ? { locationEmailAddress: email } : {}),
    locationType: type.slice(0, 1).toLowerCase() + type.slice(1),
    ...identified(input, displayName, kind),
    ...(address === undefined ? {} : { address }),
    ...(coordinates === undefined ? {} : { coordinates }),
  };
}

/** What identifies a place: the entry of a directory or store it was sent with, its address, or just its name. */
function identified(input: Input, displayName: string, kind: 'location' | 'member'): Input {
  const { uniqueId, uniqueIdType, locationEmailAddress: email, address } = input;
  if (typeof uniqueId === 'string' && uniqueId !== '' && ENTRIES.has(String(uniqueIdType))) {
    return { uniqueId, uniqueIdType };
  }
  if (typeof email === 'string' && email !== '') return { uniqueId: email, uniqueIdType: 'directory' };
  const isOwn =
    kind === 'location' || uniqueIdType === 'private' || email !== undefined || present(address) !== undefined;
  return isOwn ? { uniqueId: displayName, uniqueIdType: 'private' } : { uniqueIdType: 'unknown' };
}

const ENTRIES = new Set(['locationStore', 'directory', 'bing']);

function present(value: unknown): Input | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return undefined;
  return value as Input;
}

export const noLocation = (): StoredLocation => ({
  displayName: '',
  locationType: 'default',
  uniqueIdType: 'unknown',
  address: {},
  coordinates: {},
});

/**
 * `location` and `locations` as they read back. Writing `location` replaces the whole collection; writing
 * `locations` joins their names into `location.displayName` (Microsoft Graph "event", "Create event").
 */
export function storeLocations(input: { location?: Input | null; locations?: Input[] | null }): {
  location: StoredLocation;
  locations: StoredLocation[];
} {
  const members = input.locations ?? [];
  if (members.length > 0) {
    const locations = members.map((member) => enrich(member, 'member'));
    const displayName = locations.map((member) => member.displayName).join('; ');
    const single = locations.length === 1 ? members[0]! : {};
    return { location: enrich({ ...single, displayName }, 'location'), locations };
  }
  const location = input.location;
  if (location === null || location === undefined || enrich(location, 'location').displayName === '') {
    return { location: noLocation(), locations: [] };
  }
  const stored = enrich(location, 'location');
  return { location: stored, locations: [{ ...stored }] };
}
