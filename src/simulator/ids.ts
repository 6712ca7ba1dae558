/**
 * Ids as Exchange makes them: long, base64url, case-sensitive, ending in `=`. An occurrence's id is its master's with the
 * original date in it.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BODY_LENGTH = 118;
const OCCURRENCE_MARK = 'AFRAAgI';

export class IdMaker {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  item(): string {
    return `AAMkAG${this.#letters(BODY_LENGTH - 6)}A=`;
  }

  immutableItem(): string {
    return `AAkALg${this.#letters(BODY_LENGTH - 6)}A=`;
  }

  calendar(): string {
    return `AQMkAD${this.#letters(BODY_LENGTH - 6)}A=`;
  }

  changeKey(): string {
    const bytes = Array.from({ length: 18 }, () => Math.floor(this.#random() * 256));
    return Buffer.from(bytes).toString('base64');
  }

  guid(): string {
    const hex = Array.from({ length: 32 }, () => Math.floor(this.#random() * 16).toString(16)).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  /** A global object id: 40 bytes, the occurrence's date (zero on masters and singles) in bytes 17 to 20. */
  iCalUId(): string {
    const tail = Array.from({ length: 40 }, () => Math.floor(this.#random() * 16).toString(16)).join('').toUpperCase();
    return `040000008200E00074C5B7101A82E00800000000${tail}000000000000000010000000${tail.slice(0, 32)}`;
  }

  #letters(count: number): string {
    let text = '';
    for (let index = 0; index < count; index += 1) text += ALPHABET[Math.floor(this.#random() * 64)];
    return text;
  }
}

export function occurrenceItemId(masterId: string, date: string): string {
  return `${masterId.slice(0, -2)}${OCCURRENCE_MARK}${date.replaceAll('-', '')}A=`;
}

export function parseOccurrenceItemId(id: string): { masterId: string; date: string } | undefined {
  const match = /^(.+)AFRAAgI(\d{4})(\d{2})(\d{2})A=$/.exec(id);
  return match ? { masterId: `${match[1]}A=`, date: `${match[2]}-${match[3]}-${match[4]}` } : undefined;
}

/** @returns whether a text has the form of an id at all; anything else is answered with "Id is malformed." */
export function isIdShaped(id: string): boolean {
  return /^[A-Za-z0-9_-]{20,}={0,2}$/.test(id);
}

/** Writes an occurrence's date into its series' iCalUId. */
export function occurrenceICalUId(iCalUId: string, date: string): string {
  const [year, month, day] = date.split('-').map(Number);
  const hex = [(year ?? 0) >> 8, (year ?? 0) & 255, month ?? 0, day ?? 0].map((byte) => byte.toString(16).padStart(2, '0'));
  return `${iCalUId.slice(0, 32)}${hex.join('').toUpperCase()}${iCalUId.slice(40)}`;
}
