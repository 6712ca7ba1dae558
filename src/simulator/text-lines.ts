import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const PIECE_BYTES = 1024 * 1024;

/** Writes a file piece by piece, each line with its line feed. */
export function writeLines(path: string, lines: Iterable<string>): void {
  const file = openSync(path, 'w');
  try {
    let piece = '';
    for (const line of lines) {
      piece += `${line}\n`;
      if (piece.length < PIECE_BYTES) continue;
      writeAll(file, piece);
      piece = '';
    }
    writeAll(file, piece);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}

/** The lines of a file without their line feeds, an empty last one left out. */
export function* readLines(path: string): Generator<string> {
  const file = openSync(path, 'r');
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    let open: Buffer[] = [];
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) {
      let from = 0;
      for (let end = piece.indexOf(10); end !== -1 && end < read; end = piece.indexOf(10, from)) {
        yield Buffer.concat([...open, piece.subarray(from, end)]).toString('utf8');
        open = [];
        from = end + 1;
      }
      if (from < read) open.push(Buffer.from(piece.subarray(from, read)));
    }
    const last = Buffer.concat(open).toString('utf8');
    if (last !== '') yield last;
  } finally {
    closeSync(file);
  }
}
