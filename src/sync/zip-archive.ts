import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createDeflateRaw } from 'node:zlib';

/** A file of an archive; its text, or its bytes, come bit by bit, and are never in memory whole. */
export interface ArchiveFile {
  readonly name: string;
  readonly text: AsyncIterable<string | Uint8Array>;
}

const LOCAL_HEADER = 0x04034b50;
const DATA_DESCRIPTOR = 0x08074b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const VERSION = 20;
/** Sizes follow the data, because nobody knows them before; names are UTF-8. */
const FLAGS = 0x0808;
const DEFLATED = 8;
/** What a field of the plain format holds; larger archives need another one, which fewer programs read. */
const LARGEST = 0xffff_ffff;

interface Entry {
  readonly name: Buffer;
  readonly crc: number;
  readonly size: number;
  readonly packedSize: number;
  readonly offset: number;
}

/**
 * A zip archive (APPNOTE.TXT 6.3, without ZIP64), written as it is read: what is behind the caller is forgotten, except for
 * names and sums. Whoever stops reading stops the files.
 *
 * @throws {RangeError} for a file or an archive of more than 4 GiB
 */
export async function* zipArchive(files: AsyncIterable<ArchiveFile>, at: Date): AsyncGenerator<Buffer> {
  const stamp = dosTime(at);
  const entries: Entry[] = [];
  let offset = 0;
  for await (const { name: text, text: chunks } of files) {
    const name = Buffer.from(text, 'utf8');
    const header = localHeader(name, stamp);
    yield header;
    const sums = { crc: 0, size: 0 };
    let packedSize = 0;
    for await (const packed of deflated(chunks, sums)) {
      packedSize += packed.length;
      yield packed;
    }
    const entry = { name, ...sums, packedSize, offset };
    const descriptor = dataDescriptor(entry);
    yield descriptor;
    offset += header.length + packedSize + descriptor.length;
    if (Math.max(offset, sums.size) > LARGEST) throw new RangeError('the archive is larger than a zip file can be');
    entries.push(entry);
  }
  const directory = Buffer.concat(entries.map((entry) => centralHeader(entry, stamp)));
  yield directory;
  yield endOfDirectory({ count: entries.length, size: directory.length, offset });
}

async function* deflated(chunks: ArchiveFile['text'], sums: { crc: number; size: number }): AsyncGenerator<Buffer> {
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : Buffer.from(chunk);
      sums.crc = crc32(bytes, sums.crc);
      sums.size += bytes.length;
      if (bytes.length > 0) yield bytes;
    }
  }
  const deflater = createDeflateRaw();
  const done = pipeline(Readable.from(counted(), { objectMode: false, highWaterMark: 1 }), deflater);
  // It is told of by the loop below, unless that was left early: then nobody needs to know.
  done.catch(() => {});
  for await (const packed of deflater) yield packed as Buffer;
}

function localHeader(name: Buffer, stamp: DosTime): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(LOCAL_HEADER, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(FLAGS, 6);
  header.writeUInt16LE(DEFLATED, 8);
  header.writeUInt16LE(stamp.time, 10);
  header.writeUInt16LE(stamp.date, 12);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, name]);
}

function dataDescriptor({ crc, size, packedSize }: Entry): Buffer {
  const descriptor = Buffer.alloc(16);
  descriptor.writeUInt32LE(DATA_DESCRIPTOR, 0);
  descriptor.writeUInt32LE(crc, 4);
  descriptor.writeUInt32LE(Math.min(packedSize, LARGEST), 8);
  descriptor.writeUInt32LE(Math.min(size, LARGEST), 12);
  return descriptor;
}

function centralHeader({ name, crc, size, packedSize, offset }: Entry, stamp: DosTime): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(CENTRAL_HEADER, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(VERSION, 6);
  header.writeUInt16LE(FLAGS, 8);
  header.writeUInt16LE(DEFLATED, 10);
  header.writeUInt16LE(stamp.time, 12);
  header.writeUInt16LE(stamp.date, 14);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(packedSize, 20);
  header.writeUInt32LE(size, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, name]);
}

function endOfDirectory({ count, size, offset }: { count: number; size: number; offset: number }): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END_OF_DIRECTORY, 0);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}

interface DosTime {
  readonly date: number;
  readonly time: number;
}

/** Two seconds' steps since 1980; in UTC, as the format knows no zone. */
function dosTime(at: Date): DosTime {
  return {
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}
