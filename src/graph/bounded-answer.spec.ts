import { describe, expect, it } from 'vitest';
import { boundedText } from './bounded-answer.ts';

/** An answer in given pieces, and how many of them were taken. */
function answerOf(pieces: readonly Uint8Array[]) {
  const seen = { taken: 0, isCancelled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[seen.taken];
        seen.taken += 1;
        if (piece) controller.enqueue(piece);
        else controller.close();
      },
      cancel() {
        seen.isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { response: new Response(body), seen };
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe('an answer', () => {
  it('is read whole, wherever the network cuts it, also in the middle of a character', async () => {
    const text = '{"subject":"Zoë 🎂 会議"}';
    const single = Array.from(bytes(text), (byte) => Uint8Array.of(byte));
    expect(await boundedText(answerOf(single).response, 'Graph')).toBe(text);
  });

  it('that ends in the middle of a character shows that something is missing', async () => {
    const cut = bytes('🎂').subarray(0, 2);
    expect(await boundedText(answerOf([bytes('x'), cut]).response, 'Graph')).toBe('x\uFFFD');
  });

  it('without a body is empty', async () => {
    expect(await boundedText(new Response(null, { status: 204 }), 'Graph')).toBe('');
  });

  it('may be as large as it may be, and not a byte larger', async () => {
    const half = bytes('x'.repeat(512 * 1024));
    expect(await boundedText(answerOf([half, half]).response, 'Graph', 2 ** 20)).toHaveLength(2 ** 20);
    const { response, seen } = answerOf([half, half, bytes('y'), half, half]);
    await expect(boundedText(response, 'the answer of Graph', 2 ** 20)).rejects.toMatchObject({
      code: 'rejected',
      message: 'the answer of Graph is larger than 1 MB; it is not read',
    });
    // Nothing more is fetched of what is given up.
    expect(seen).toEqual({ taken: 3, isCancelled: true });
  });

  it.each(['[', '{'])('may hold two million of %s, and not one more', async (bracket) => {
    const million = bytes(bracket.repeat(1_000_000));
    expect(await boundedText(answerOf([million, million]).response, 'Graph')).toHaveLength(2_000_000);
    const { response, seen } = answerOf([million, million, bytes(bracket), million]);
    await expect(boundedText(response, 'Graph')).rejects.toThrow('larger than 2000000 lists and objects');
    expect(seen).toEqual({ taken: 3, isCancelled: true });
  });

  it('counts nothing but what opens lists and objects', async () => {
    const text = ']}()"\\'.repeat(500_000);
    expect(await boundedText(answerOf([bytes(text)]).response, 'Graph')).toBe(text);
  });
});
