import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { hasShared, SHARED } from '../real-input/examples.ts';

/** Microsoft's material lies beside the checkout; where it is absent there is nothing to be held against. */
export function describeWithShared(folder: string, title: string, body: () => void): void {
  if (!hasShared(folder)) console.log(`skipped: ${title} (${folder} is not beside this checkout)`);
  describe.skipIf(!hasShared(folder))(title, body);
}

export const readShared = (folder: string, file: string): string => readFileSync(join(SHARED, folder, file), 'utf8');

export function jsonFiles(folder: string): { file: string; content: unknown }[] {
  return readdirSync(join(SHARED, folder))
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file: file.replace(/\.json$/, ''), content: JSON.parse(readShared(folder, file)) as unknown }));
}
