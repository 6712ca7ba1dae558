/** Values as they stand on the wire: anything may be missing, or be of another kind than the schema says. */

/** An event as it stands on the wire: every property may be missing, and unknown ones may be there. */
export type WireEvent = Readonly<Record<string, unknown>>;

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** @returns the members of what is an object, none of anything else */
export function members(value: unknown): WireEvent {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as WireEvent) : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Enum values compare without regard to case; what is unknown reads as the usual value. */
export function oneOf<T extends string>(allowed: readonly T[], value: unknown, usual: T): T {
  return allowed.find((name) => name.toLowerCase() === text(value).toLowerCase()) ?? usual;
}
