import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArchiveFile, zipArchive } from './zip-archive.ts';

const AT = new Date('2026-03-02T08:15:42Z');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-zip-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function* textOf(...chunks: string[]): AsyncGenerator<string> {
  yield* chunks;
}

async function* filesOf(...files: ArchiveFile[]): AsyncGenerator<ArchiveFile> {
  yield* files;
}

async function write(...files: ArchiveFile[]): Promise<string> {
  const path = join(folder, 'archive.zip');
  const chunks: Buffer[] = [];
  for await (const chunk of zipArchive(filesOf(...files), AT)) chunks.push(chunk);
  writeFileSync(path, Buffer.concat(chunks));
  return path;
}

function isThere(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('a zip archive', () => {
  const long = 'A line of a long file, again and again.\n'.repeat(20_000);
  const files = () => [
    { name: 'events.json', text: textOf('[\n', '{"subject":"Größe 🗓"}', '\n]\n') },
    { name: 'empty.txt', text: textOf() },
    { name: 'täglich/long.txt', text: textOf(long.slice(0, 100_001), '', long.slice(100_001)) },
  ];

  it.runIf(isThere('unzip', '-v'))('is one for unzip', async () => {
    const path = await write(...files());
    expect(execFileSync('unzip', ['-t', path], { encoding: 'utf8' })).toContain('No errors detected');
    execFileSync('unzip', ['-q', path, 'events.json', 'empty.txt', '-d', folder]);
    expect(readFileSync(join(folder, 'events.json'), 'utf8')).toBe('[\n{"subject":"Größe 🗓"}\n]\n');
    expect(readFileSync(join(folder, 'empty.txt'), 'utf8')).toBe('');
  });

  it.runIf(isThere('python3', '-c', 'import zipfile'))('is one for Python, names and times included', async () => {
    const path = await write(...files());
    const program = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    print(json.dumps([[i.filename, i.file_size, list(i.date_time)] for i in archive.infolist()]))`;
    const listed = JSON.parse(execFileSync('python3', ['-c', program, path], { encoding: 'utf8' }));
    const time = [2026, 3, 2, 8, 15, 42];
    expect(listed).toEqual([
      ['events.json', Buffer.byteLength('[\n{"subject":"Größe 🗓"}\n]\n'), time],
      ['empty.txt', 0, time],
      ['täglich/long.txt', long.length, time],
    ]);
    expect(readFileSync(path).length).toBeLessThan(long.length / 50);
  });

  it('asks for no more than is read', async () => {
    let asked = 0;
    let isClosed = false;
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) {
          asked += 1;
          const from = 1000 * asked;
          yield Array.from({ length: 1000 }, (_, index) => Math.sin(from + index)).join('\n');
        }
      } finally {
        isClosed = true;
      }
    }
    const archive = zipArchive(filesOf({ name: 'endless.txt', text: endless() }), AT);
    for (let chunk = 0; chunk < 5; chunk += 1) await archive.next();
    const askedSoFar = asked;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asked - askedSoFar).toBeLessThan(20);
    await archive.return(undefined);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(isClosed).toBe(true);
  });

  it('fails as its files do', async () => {
    async function* broken(): AsyncGenerator<string> {
      yield 'so far';
      throw new Error('the database is away');
    }
    await expect(write({ name: 'broken.txt', text: broken() })).rejects.toThrow('the database is away');
  });
});
